-- Who may call what. Everything is taken away first: some platforms grant new functions to everybody.
do $$
declare
    v_fonction regprocedure;
begin
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and p.proname in (
                'empreinte', 'empreinte_virement', 'appelant_est_la_banque', 'exiger_mon_compte', 'canal_du_client',
                'expirer_reservations_du_compte', 'expliquer_refus', 'imputer_plafonds', 'rejouer', 'rendre', 'comptabiliser',
                'refuser_la_journee', 'verifier_demande', 'virer', 'exiger_date_de_client')
    loop
        execute format('revoke all on function %s from public, anon, authenticated, service_role', v_fonction);
    end loop;
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and p.proname in ('virer')
    loop
        execute format('grant execute on function %s to authenticated, service_role', v_fonction);
    end loop;
end
$$;
