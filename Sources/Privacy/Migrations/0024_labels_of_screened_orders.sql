-- The switch that leaves the moving of clients' money to the bank's server; what the desk keeps of money that moved, of
-- secrets, of proposals, and of when a state was written.
select privacy.label('public.filtrage_des_ordres', 'payments', 'none', 'seul depuis');
select privacy.label('fraud.decisions', 'fraud', 'technical', 'passe');
select privacy.label('fraud.etats', 'fraud', 'technical', 'vu_le');
select privacy.label('fraud.secrets', 'fraud', 'technical', '*');
select privacy.label('fraud.etiquettes_proposees', 'fraud', 'financial', 'fraude');
select privacy.label('fraud.etiquettes_proposees', 'fraud', 'technical', 'paiement auteur dit_le');
select privacy.apply_labels();
