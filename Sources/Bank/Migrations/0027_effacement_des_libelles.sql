-- History does not change, with one exception that the law asks for: when what is kept about a person may be kept no longer,
-- free texts and counterparts become null. Amounts, accounts and dates stay as they were booked.
create function public.garder_les_operations() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    if tg_op = 'UPDATE' and new.libelle is null and new.reference is null and new.contrepartie_index is null
        and new.contrepartie_fin is null
        and to_jsonb(new) - array['libelle', 'reference', 'contrepartie_index', 'contrepartie_fin']
            = to_jsonb(old) - array['libelle', 'reference', 'contrepartie_index', 'contrepartie_fin']
    then
        return new;
    end if;
    raise exception '% of %.% is refused: history does not change', tg_op, tg_table_schema, tg_table_name
        using errcode = '42501', hint = 'Book a correction that refers to the operation.';
end
$$;
drop trigger transactions_immuables on public.transactions;
create trigger transactions_immuables before update or delete on public.transactions
    for each row execute function public.garder_les_operations();

create or replace function public.garder_les_virements() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    if tg_op = 'UPDATE' and old.statut = 'en_attente' and old.id = new.id and old.donneur_id = new.donneur_id
        and old.cle_idempotence = new.cle_idempotence and old.empreinte = new.empreinte
        and old.montant_minor = new.montant_minor and old.compte_debit_id = new.compte_debit_id then
        return new;
    end if;
    if tg_op = 'UPDATE' and new.motif is null and to_jsonb(new) - 'motif' = to_jsonb(old) - 'motif' then
        return new;
    end if;
    raise exception '% of public.virements is refused: history does not change', tg_op
        using errcode = '42501', hint = 'Order another transfer, or reverse the operation.';
end
$$;
