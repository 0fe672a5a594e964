-- When an account was closed: law counts from that day, whoever asks later. Of accounts that were closed before nobody noted it;
-- for them law counts from the day on which it is asked, which keeps longer and never too short.

alter table public.comptes add column clos_le date;
comment on column public.comptes.clos_le is 'The day on which the account was closed; null while it is not, and where nobody noted it.';

create function public.dater_la_cloture() returns trigger
    language plpgsql
    set search_path = ''
    as $$
begin
    if new.statut <> 'clos' then
        new.clos_le := null;
    elsif old.statut <> 'clos' then
        new.clos_le := coalesce(new.clos_le, (now() at time zone 'Europe/Paris')::date);
    end if;
    return new;
end
$$;
create trigger comptes_cloture before update of statut on public.comptes
    for each row execute function public.dater_la_cloture();
revoke all on function public.dater_la_cloture() from public, anon, authenticated, service_role;
