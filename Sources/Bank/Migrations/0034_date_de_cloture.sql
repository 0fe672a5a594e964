-- When an account was closed: law counts from that day, whoever asks later.

alter table public.comptes add column clos_le date;
comment on column public.comptes.clos_le is 'The day on which the account was closed; null while it is not, and where nobody noted it.';

create function public.dater_la_cloture() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    if new.statut <> 'clos' then
        new.clos_le := null;
    elsif tg_op = 'INSERT' then
        new.clos_le := coalesce(new.clos_le, current_date);
    elsif old.statut <> 'clos' then
        new.clos_le := coalesce(new.clos_le, current_date);
    end if;
    return new;
end
$$;
create trigger comptes_cloture before update of statut on public.comptes
    for each row execute function public.dater_la_cloture();
create trigger comptes_cloture_a_la_naissance before insert on public.comptes
    for each row when (new.statut = 'clos') execute function public.dater_la_cloture();
revoke all on function public.dater_la_cloture() from public, anon, authenticated, service_role;

-- Of accounts that were closed before: the day of their last posting is the earliest that is sure.
update public.comptes k set clos_le = e.jour
from (
    select c.id, (select (x.booked_at at time zone 'Europe/Paris')::date from public.ecritures x
        where x.compte_id = c.id order by x.numero desc limit 1) as jour
    from public.comptes c where c.statut = 'clos') e
where e.id = k.id and e.jour is not null;
