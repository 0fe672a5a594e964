-- Several people may ask for one address before anybody has proved it: each sign-up has its own link, and the password
-- that was chosen along with it. Whoever opens a link gets that one.
alter table auth.one_time_tokens add column password_hash text;
alter table auth.one_time_tokens drop constraint one_time_tokens_une_par_sorte;
create unique index one_time_tokens_une_par_sorte on auth.one_time_tokens (user_id, token_type)
    where token_type <> 'signup';
create index one_time_tokens_inscriptions_idx on auth.one_time_tokens (user_id, created_at)
    where token_type = 'signup';

-- Tokens carry the role and the rights of the moment they were made: when these change, whoever changed them and by
-- whatever way, the sessions end. Which providers an account signs in with is no right.
create function auth.end_sessions_of_changed_rights() returns trigger
    language plpgsql
    set search_path = ''
as $$
begin
    delete from auth.sessions where user_id = new.id;
    return null;
end
$$;
revoke all on function auth.end_sessions_of_changed_rights() from public;
create trigger users_droits_changes after update of role, raw_app_meta_data on auth.users
    for each row
    when (
        old.role is distinct from new.role
        or old.raw_app_meta_data - array['provider', 'providers']
            is distinct from new.raw_app_meta_data - array['provider', 'providers']
    )
    execute function auth.end_sessions_of_changed_rights();

-- What `count_attempt` would say, without counting.
create function auth.peek_attempt(p_scope text, p_subject bytea, span interval, most integer) returns integer
    language sql volatile
    set search_path = ''
as $$
    with clock as (
        select extract(epoch from span)::double precision as seconds,
            extract(epoch from clock_timestamp())::double precision as moment
    ), place as (
        select seconds, to_timestamp(floor(moment / seconds) * seconds) as window_start,
            moment / seconds - floor(moment / seconds) as elapsed
        from clock
    )
    select case
        when coalesce(sum(case when a.window_start = p.window_start then a.attempts
                else a.attempts * (1 - p.elapsed) end), 0) < most then 0
        else greatest(1, ceil(p.seconds * (1 - p.elapsed)))::integer
    end
    from place p left join auth.attempts a on a.scope = p_scope and a.subject = p_subject
        and a.window_start in (p.window_start, p.window_start - span)
    group by p.seconds, p.elapsed
$$;

-- Takes one attempt back that turned out to be none.
create function auth.refund_attempt(p_scope text, p_subject bytea, span interval) returns void
    language sql volatile
    set search_path = ''
as $$
    update auth.attempts set attempts = greatest(attempts - 1, 0)
    where scope = p_scope and subject = p_subject and window_start = (
        select max(a.window_start) from auth.attempts a
        where a.scope = p_scope and a.subject = p_subject and a.expires_at > clock_timestamp() + span
    )
$$;
revoke all on function
    auth.peek_attempt(text, bytea, interval, integer), auth.refund_attempt(text, bytea, interval) from public;
