-- What a client ordered without a second factor since the last order with it.
select privacy.label('public.seuils_authentification', 'payments', 'none', 'cumul_minor nombre_max');
select privacy.label('public.petits_paiements', 'payments', 'financial', 'cumul_minor');
select privacy.label('public.petits_paiements', 'payments', 'technical', 'client_id devise nombre');
select privacy.apply_labels();
