-- The switch that leaves the moving of clients' money to the bank's server.
select privacy.label('public.filtrage_des_ordres', 'payments', 'none', 'seul depuis');
select privacy.apply_labels();
