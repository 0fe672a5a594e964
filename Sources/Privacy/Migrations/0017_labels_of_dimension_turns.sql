-- The labels of what the figures' dimensions remember of their turns.
select privacy.label('bi.curseurs', 'analysis', 'technical', '*');
select privacy.label('bi.clients_du_moment', 'analysis', 'technical', 'identifiant');
select privacy.apply_labels();
