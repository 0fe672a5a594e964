-- Standing orders can be judged before they are executed, as a client's own orders are: the bank takes the next one in
-- hand, has it judged, and executes it or refuses it, in one transaction.

create function public.prochain_ordre_permanent(p_jour date)
    returns table (compte_debit_id bigint, compte_credit_id bigint, montant_minor bigint, devise text, cle text)
    language sql volatile security definer
    set search_path = ''
    as $$
        select o.compte_debit_id, o.compte_credit_id, o.montant_minor, o.devise, 'permanent/' || o.id || '/' || o.prochaine_le
        from public.ordres_permanents o
        where o.statut = 'actif' and o.prochain_essai <= p_jour
        order by o.prochain_essai, o.id limit 1 for update skip locked
    $$;

drop function public.executer_ordre_permanent(date);

-- - `p_code`, `p_raison`: why the order may not be executed now; null when it may.
create function public.executer_ordre_permanent(p_jour date, p_code text default null, p_raison text default null)
    returns setof public.executions_permanentes
    language plpgsql security definer
    set search_path = ''
    as $$
declare
    c_essais constant integer := 3;
    o public.ordres_permanents;
    v_virement uuid;
    v_code text := p_code;
    v_raison text := p_raison;
begin
    select * into o from public.ordres_permanents
    where statut = 'actif' and prochain_essai <= p_jour
    order by prochain_essai, id limit 1 for update skip locked;
    if not found then
        return;
    end if;
    if p_code is null then
        begin
            v_virement := (public.virer(
                o.compte_debit_id, o.compte_credit_id, o.montant_minor,
                'permanent/' || o.id || '/' || o.prochaine_le, o.devise, o.motif, 'permanent')).virement_id;
        exception when others then
            get stacked diagnostics v_code = returned_sqlstate, v_raison = message_text;
            -- The database's own troubles are not the order's fault, and no open day is the bank's.
            if left(v_code, 2) in ('08', '40', '53', '55', '57', '58', 'XX') or v_code in ('LV008', 'LV017') then
                raise;
            end if;
        end;
    end if;
    -- A row that is there already tells of the same order: the ledger answered its key again.
    insert into public.executions_permanentes (ordre_id, echeance, essai, jour, statut, code, raison, virement_id)
    values (
        o.id, o.prochaine_le, o.essais + 1, p_jour,
        case when v_virement is not null then 'execute' when o.essais >= c_essais then 'abandonne' else 'refuse' end,
        v_code, left(v_raison, 300), v_virement)
    on conflict do nothing;
    return query
    select * from public.executions_permanentes e
    where e.ordre_id = o.id and e.echeance = o.prochaine_le and e.essai = o.essais + 1;
    if v_virement is not null or o.essais >= c_essais then
        perform public.avancer_ordre_permanent(o.id, o.rang + 1, o.prochaine_le);
    else
        update public.ordres_permanents set essais = essais + 1, prochain_essai = p_jour + 1 where id = o.id;
    end if;
end
$$;

revoke all on function public.prochain_ordre_permanent(date), public.executer_ordre_permanent(date, text, text)
    from public, anon, authenticated, service_role;
grant execute on function public.prochain_ordre_permanent(date), public.executer_ordre_permanent(date, text, text)
    to service_role;
