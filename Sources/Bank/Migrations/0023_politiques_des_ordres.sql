-- One policy a verb for the tables of standing orders too; like other rows that lead to a person they are not the
-- analysts'.
do $$
declare
    v_table text;
    v_siennes text;
begin
    for v_table, v_siennes in values
        ('ordres_permanents',
            'client_id in (select c.id from public.clients c where c.utilisateur_id = (select auth.uid()))'),
        ('executions_permanentes',
            'ordre_id in (select o.id from public.ordres_permanents o join public.clients c on c.id = o.client_id '
            || 'where c.utilisateur_id = (select auth.uid()))')
    loop
        execute format('drop policy %I on public.%I', v_table || '_lecture_client', v_table);
        execute format('drop policy %I on public.%I', v_table || '_lecture_banque', v_table);
        execute format(
            'create policy %I on public.%I for select to authenticated '
            || 'using (%s or (select public.role_metier()) = ''admin'')',
            v_table || '_lecture', v_table, v_siennes);
    end loop;
end
$$;
