-- Which scheduled order a line of a payment file became; how many requests came in the minute that goes on.
select privacy.label('public.lignes_de_paiement', 'payments', 'technical', 'ordre_id');
select privacy.label('public.requetes_par_minute', 'security', 'technical', 'minute cle nombre');
select privacy.apply_labels();
