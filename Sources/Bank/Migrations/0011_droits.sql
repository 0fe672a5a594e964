-- Who may call what. Everything is taken away first: some platforms grant new functions to everybody.
do $$
declare
    v_fonction regprocedure;
    v_pour_tous constant text[] := array['virer', 'virer_lot', 'releve', 'solde_du_compte'];
    v_pour_le_service constant text[] := array[
        'reserver', 'capturer', 'liberer', 'expirer_reservations', 'contrepasser', 'ouvrir_journee', 'clore_journee',
        'consolider_comptes_chauds', 'fixer_plafond', 'verifier_le_grand_livre', 'balance_generale',
        'ouvrir_compte_chaud'];
    v_internes constant text[] := array[
        'empreinte', 'empreinte_virement', 'appelant_est_la_banque', 'exiger_mon_compte', 'canal_du_client',
        'expirer_reservations_du_compte', 'expliquer_refus', 'imputer_plafonds', 'rejouer', 'rendre', 'comptabiliser',
        'refuser_la_journee', 'verifier_demande', 'exiger_date_de_client', 'raison_du_refus', 'tenir_comptes',
        'verifier_carte', 'tenir_reservation', 'reprendre_les_soldes', 'compte_interne', 'creer_partitions'];
begin
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace
            and p.proname = any (v_pour_tous || v_pour_le_service || v_internes)
    loop
        execute format('revoke all on function %s from public, anon, authenticated, service_role', v_fonction);
    end loop;
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proname = any (v_pour_tous)
    loop
        execute format('grant execute on function %s to authenticated', v_fonction);
    end loop;
    for v_fonction in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proname = any (v_pour_tous || v_pour_le_service)
    loop
        execute format('grant execute on function %s to service_role', v_fonction);
    end loop;
end
$$;
