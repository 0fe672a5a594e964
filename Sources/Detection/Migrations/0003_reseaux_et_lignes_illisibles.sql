-- An IPv6 peer owns a whole /64: what is decided about one of its addresses concerns all of them, sessions too. And lines
-- that followers could not read are counted where one looks.

-- Whether a text is an address inside of a block; false for what is no address.
create function detection.is_within(p_address text, p_block text) returns boolean
    language plpgsql immutable strict
    set search_path = ''
    as $$
begin
    return p_address::pg_catalog.inet operator(pg_catalog.<<=) p_block::pg_catalog.inet;
exception when invalid_text_representation then
    return false;
end
$$;

-- As before, with blocks behind `address:`.
create or replace function detection.respond(
    p_action text, p_target text, p_reason text, p_by text, p_until timestamptz, p_incident uuid, p_dry_run boolean,
    p_automatic boolean
) returns table (response bigint, is_new boolean)
    language plpgsql
    as $$
declare
    v_id bigint;
    v_before jsonb;
    v_touched integer := 0;
    v_state text;
    v_internal boolean;
begin
    perform pg_advisory_xact_lock(hashtext('detection.respond'), hashtext(p_action || ' ' || p_target));
    if not p_dry_run then
        update detection.responses r set until = greatest(r.until, p_until)
        where r.action = p_action and r.target = p_target and r.ended_at is null and not r.dry_run
        returning r.id into v_id;
        if found then
            return query select v_id, false;
            return;
        end if;
    end if;
    if p_automatic and p_action in ('freeze_account', 'freeze_card') and detection.automatic_freezes_max() <= (
        select count(*) from detection.responses r
        where r.action in ('freeze_account', 'freeze_card') and r.decided_by like 'rule:%'
            and r.decided_at > clock_timestamp() - interval '1 hour' and not r.dry_run)
    then
        raise exception 'there were % automatic freezes within an hour', detection.automatic_freezes_max()
            using errcode = 'configuration_limit_exceeded', hint = 'A person has to freeze the next one.';
    end if;
    case p_action
    when 'freeze_account' then
        select c.statut, c.client_id is null into v_state, v_internal from public.comptes c
        where c.id = p_target::bigint for no key update;
        if not found then
            raise exception 'there is no account %', p_target using errcode = 'no_data_found';
        elsif v_internal or v_state <> 'actif' then
            raise exception 'account % is %', p_target, case when v_internal then 'the bank''s own' else v_state end
                using errcode = 'object_not_in_prerequisite_state';
        end if;
        v_before := jsonb_build_object('statut', v_state);
        if not p_dry_run then
            update public.comptes set statut = 'bloque' where id = p_target::bigint;
            v_touched := 1;
        end if;
    when 'freeze_card' then
        select k.statut into v_state from public.cartes k where k.id = p_target::bigint for no key update;
        if not found then
            raise exception 'there is no card %', p_target using errcode = 'no_data_found';
        elsif v_state <> 'active' then
            raise exception 'card % is %', p_target, v_state using errcode = 'object_not_in_prerequisite_state';
        end if;
        v_before := jsonb_build_object('statut', v_state);
        if not p_dry_run then
            update public.cartes set statut = 'bloquee', blocage_motif = 'fraude', bloquee_le = clock_timestamp()
            where id = p_target::bigint;
            v_touched := 1;
        end if;
    when 'revoke_sessions' then
        if to_regclass('auth.sessions') is null then
            raise exception 'nobody signs in here yet' using errcode = 'no_data_found';
        end if;
        if p_target like 'address:%' then
            select count(*) into v_touched from auth.sessions s where detection.is_within(s.ip, substr(p_target, 9));
            if not p_dry_run then
                delete from auth.sessions s where detection.is_within(s.ip, substr(p_target, 9));
            end if;
        else
            select count(*) into v_touched from auth.sessions s
            where s.user_id = p_target::uuid or s.id = p_target::uuid;
            if not p_dry_run then
                delete from auth.sessions s where s.user_id = p_target::uuid or s.id = p_target::uuid;
            end if;
        end if;
    when 'require_step_up' then
        if not exists (select from public.comptes c where c.id = p_target::bigint and c.client_id is not null) then
            raise exception 'there is no account %', p_target using errcode = 'no_data_found';
        end if;
    else
        null;
    end case;
    insert into detection.responses (
        incident_id, action, target, reason, decided_by, dry_run, until, before, touched, ended_at, ended_by)
    values (p_incident, p_action, p_target, p_reason, p_by, p_dry_run, greatest(p_until, clock_timestamp()), v_before,
        v_touched,
        -- What was ended stays ended: sessions do not come back.
        case when p_action = 'revoke_sessions' and not p_dry_run then clock_timestamp() end,
        case when p_action = 'revoke_sessions' and not p_dry_run then 'done' end)
    returning id into v_id;
    return query select v_id, true;
end
$$;

revoke execute on function detection.is_within(text, text) from public;

-- What is scraped besides: lines of followed logs that could not be read, by follower and log.
create or replace view detection.indicators as
    select 'digitalbank_detection_incidents_open'::text as name, jsonb_build_object('severity', s.severity) as labels,
        (select count(*) from detection.incidents i where i.status <> 'closed' and i.severity = s.severity)
            ::double precision as value,
        'Incidents that are not closed.'::text as help
    from (values ('low'), ('medium'), ('high'), ('critical')) s (severity)
    union all
    select 'digitalbank_detection_responses_active', jsonb_build_object('action', a.action),
        (select count(*) from detection.responses r
            where r.ended_at is null and not r.dry_run and r.action = a.action)::double precision,
        'Responses that are in force.'
    from (values ('ban_address'), ('freeze_account'), ('freeze_card'), ('require_step_up')) a (action)
    union all
    -- A rule is a label, and labels are bounded.
    select 'digitalbank_detection_findings', jsonb_build_object('rule', f.rule, 'severity', f.severity), f.n,
        'Findings of the last 24 hours by rule; the fifty rules with most.'
    from (
        select rule, severity, count(*)::double precision as n from detection.findings
        where at > clock_timestamp() - interval '24 hours'
        group by rule, severity order by count(*) desc, rule limit 50) f
    union all
    select 'digitalbank_detection_persons_touched', '{}', (
            select count(distinct p.client_id) from detection.persons p join detection.incidents i on i.id = p.incident_id
            where i.status <> 'closed')::double precision,
        'Persons whom incidents that are not closed concern.'
    union all
    select 'digitalbank_detection_lines_unread', jsonb_build_object('follower', u.name, 'log', u.log), u.n,
        'Lines of followed logs that could not be read and were kept aside; the fifty logs with most.'
    from (
        select p.name, e.key as log, e.value::double precision as n
        from detection.positions p
        cross join lateral jsonb_each_text(
            case when jsonb_typeof(p.position -> 'unread') = 'object' then p.position -> 'unread' else '{}' end) e
        order by e.value::double precision desc, p.name, e.key limit 50) u;
revoke all on detection.indicators from public;
