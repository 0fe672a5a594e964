-- An admin sees one personal datum of one client when there is a reason, for a quarter of an hour, with an entry in the
-- journal. The datum itself is sealed: this grants that the application opens it, and the application asks here.

create table public.revelations (
    id uuid primary key default gen_random_uuid(),
    demandee_par uuid not null,
    client_id uuid not null references public.clients (id),
    champ text not null,
    motif text not null,
    accordee_le timestamptz not null default now(),
    expire_le timestamptz not null,
    constraint revelations_champ_connu check (
        champ in ('nom', 'prenom', 'email', 'telephone', 'adresse', 'date_naissance', 'nir')),
    constraint revelations_motif_dit check (length(btrim(motif)) between 10 and 1000),
    constraint revelations_un_quart_d_heure check (
        expire_le > accordee_le and expire_le <= accordee_le + interval '15 minutes')
);
create index revelations_client on public.revelations (client_id, champ, expire_le);
comment on table public.revelations is 'Who was let see which personal datum of whom, why and until when.';

alter table public.revelations enable row level security;
revoke all on public.revelations from public, anon, authenticated, service_role;
grant select on public.revelations to authenticated, service_role;
create policy revelations_lecture on public.revelations for select to authenticated
    using ((select public.role_metier()) = 'admin');
create policy revelations_service on public.revelations for select to service_role using (true);
create trigger revelations_immuables before update or delete on public.revelations
    for each row execute function public.refuser_le_changement();

create function public.reveler(p_client uuid, p_champ text, p_motif text)
    returns table (revelation uuid, expire_le timestamptz)
    language plpgsql volatile security definer
    set search_path = ''
as $$
declare
    v_qui constant uuid := auth.uid();
    v_motif constant text := btrim(coalesce(p_motif, ''));
    v_id constant uuid := gen_random_uuid();
    v_fin constant timestamptz := now() + interval '15 minutes';
begin
    if v_qui is null or public.role_metier() <> 'admin' then
        raise exception 'only an admin may reveal a personal datum' using errcode = '42501',
            hint = 'Sign in with an account whose app_metadata.role is admin.';
    end if;
    if coalesce(auth.jwt() ->> 'aal', '') <> 'aal2' then
        raise exception 'a reveal needs a second factor' using errcode = '42501',
            hint = 'Verify a factor: POST /auth/v1/factors/{id}/verify gives a token of level aal2.';
    end if;
    if length(v_motif) not between 10 and 1000 then
        raise exception 'the reason has % characters, not 10 to 1000', length(v_motif) using errcode = '22023',
            hint = 'Say what the datum is needed for; the journal keeps it.';
    end if;
    if p_champ is null or p_champ not in ('nom', 'prenom', 'email', 'telephone', 'adresse', 'date_naissance', 'nir') then
        raise exception 'there is no personal datum %', p_champ using errcode = '22023',
            hint = 'Choose one of nom, prenom, email, telephone, adresse, date_naissance, nir.';
    end if;
    if not exists (select from public.clients c where c.id = p_client) then
        raise exception 'client % does not exist', p_client using errcode = '22023';
    end if;
    -- Without a journal nothing is revealed.
    if to_regprocedure('evidence.append(text,text,text,text,text)') is null then
        raise exception 'there is no journal to write the reveal into' using errcode = '55000',
            hint = 'Make it with: digitalbank migrate';
    end if;
    insert into public.revelations (id, demandee_par, client_id, champ, motif, expire_le)
    values (v_id, v_qui, p_client, p_champ, v_motif, v_fin);
    perform evidence.append(
        'donnee.revelee', p_client::text,
        json_build_object('champ', p_champ, 'motif', v_motif, 'revelation', v_id, 'expire_le', v_fin)::text,
        'done', v_qui::text);
    return query select v_id, v_fin;
end
$$;

-- Asked by the application before it opens the sealed value for the caller.
create function public.revelation_valide(p_revelation uuid) returns table (client uuid, champ text)
    language sql stable security definer
    set search_path = ''
as $$
    select r.client_id, r.champ from public.revelations r
    where r.id = p_revelation and r.demandee_par = auth.uid() and r.expire_le > now()
        and public.role_metier() = 'admin'
$$;

revoke all on function public.reveler(uuid, text, text), public.revelation_valide(uuid)
    from public, anon, authenticated, service_role;
grant execute on function public.reveler(uuid, text, text), public.revelation_valide(uuid) to authenticated;
