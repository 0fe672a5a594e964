-- Analysts work with pseudonyms (0020). What leads from an operation to the real account is not theirs to read: the
-- operation's number in analyse_transactions stood beside the account's in the postings, so that one join told who is who.
do $$
declare
    v_table text;
    v_siennes text;
    v_comptes constant text :=
        '(array (select k.id from public.comptes k where k.utilisateur_id = (select auth.uid())))';
begin
    for v_table, v_siennes in values
        ('ecritures', 'compte_id = any ' || v_comptes),
        ('plafonds', 'compte_id = any ' || v_comptes),
        ('reservations', 'compte_id = any ' || v_comptes),
        ('captures',
            'reservation_id in (select id from public.reservations where compte_id = any ' || v_comptes || ')')
    loop
        execute format(
            'alter policy %I on public.%I using (%s or (select public.role_metier()) = ''admin'')',
            v_table || '_lecture', v_table, v_siennes);
    end loop;
end
$$;
