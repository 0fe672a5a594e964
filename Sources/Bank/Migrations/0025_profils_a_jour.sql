-- What analysts see of a client's age and place is filled in by the application, which opens the sealed values. When these
-- change the profile goes, and is made anew.
create function public.oublier_le_profil() returns trigger
    language plpgsql security definer
    set search_path = ''
    as $$
begin
    delete from pseudonymes.profils where client_id = new.id;
    return null;
end
$$;
create trigger clients_profil after update of adresse_chiffre, date_naissance_chiffre, statut on public.clients
    for each row when (
        old.adresse_chiffre is distinct from new.adresse_chiffre
        or old.date_naissance_chiffre is distinct from new.date_naissance_chiffre or old.statut <> new.statut)
    execute function public.oublier_le_profil();
revoke all on function public.oublier_le_profil() from public, anon, authenticated, service_role;
