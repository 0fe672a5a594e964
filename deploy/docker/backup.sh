#!/bin/bash
# Keeps the backups of a database in a container: makes pgBackRest's stanza, a full backup a week and a differential one a day,
# and tells the bank of each, so that its figures and alerts know. On a standby it waits until it is the leader.
#   digitalbank-backup          for ever
#   digitalbank-backup once     what is due now, then ends
set -euo pipefail
stanza=${STANZA:-bank}
database=${BANK_DATABASE:-digitalbank}
pause=${BACKUP_PAUSE:-600}
log() { echo "backup: $*"; }
sql() { psql -X -q -t -A -v ON_ERROR_STOP=1 -d "$database" "$@"; }
info() { pgbackrest --stanza="$stanza" --output=json --log-level-console=off info; }

# f on the leader, t on a standby, nothing while there is no server or no bank yet.
standing() { sql -c 'select pg_is_in_recovery()' 2>/dev/null || true; }

due() {
    psql -X -q -t -A -v ON_ERROR_STOP=1 -d postgres -v info="$1" <<'SQL'
select case
    when max(b.stopped) filter (where b.kind = 'full') is null
        or max(b.stopped) filter (where b.kind = 'full') < now() - interval '6 days 12 hours' then 'full'
    when max(b.stopped) < now() - interval '23 hours' then 'diff' end
from (
    select x ->> 'type' as kind, to_timestamp((x -> 'timestamp' ->> 'stop')::bigint) as stopped
    from jsonb_array_elements(:'info'::jsonb) s, jsonb_array_elements(s -> 'backup') x
    where not coalesce((x ->> 'error')::boolean, false)) b
SQL
}

# The bank's own list of backups, as far as it is there: what is kept, and what has expired.
tell() {
    [ "$(sql -c "select to_regclass('continuity.sets') is not null")" = t ] || return 0
    sql -v info="$1" <<'SQL'
insert into continuity.sets (label, repository, kind, started_at, stopped_at, bytes, stored_bytes, state, note)
select x ->> 'label', coalesce((x -> 'database' ->> 'repo-key')::integer, 1), x ->> 'type',
    to_timestamp((x -> 'timestamp' ->> 'start')::bigint), to_timestamp((x -> 'timestamp' ->> 'stop')::bigint),
    (x -> 'info' ->> 'size')::bigint, coalesce((x -> 'info' -> 'repository' ->> 'delta')::bigint, 0), 'made', 'compose'
from jsonb_array_elements(:'info'::jsonb) s, jsonb_array_elements(s -> 'backup') x
where not coalesce((x ->> 'error')::boolean, false)
on conflict (label, repository) do nothing;
update continuity.sets c set state = 'expired'
where c.note = 'compose' and c.state in ('made', 'proved') and not exists (
    select from jsonb_array_elements(:'info'::jsonb) s, jsonb_array_elements(s -> 'backup') x
    where x ->> 'label' = c.label);
SQL
}

# An alarm that the scenario backup-failed mails; one at a time.
alarm() {
    log "$1"
    [ "$(sql -c "select to_regclass('continuity.alarms') is not null" 2>/dev/null)" = t ] || return 0
    sql -v words="$1" <<'SQL' || true
insert into continuity.alarms (kind, severity, subject, words_fr, words_en)
select 'backup', 'high', 'compose', 'La sauvegarde a échoué : ' || :'words', 'The backup failed: ' || :'words'
where not exists (select from continuity.alarms a where a.kind = 'backup' and a.subject = 'compose'
    and a.closed_at is null);
SQL
}

well() {
    [ "$(sql -c "select to_regclass('continuity.alarms') is not null")" = t ] || return 0
    sql -c "update continuity.alarms set closed_at = clock_timestamp()
        where kind = 'backup' and subject = 'compose' and closed_at is null"
}

# Makes the stanza (nothing when it is there), and what is due.
look() {
    [ "$(standing)" = f ] || return 0
    pgbackrest --stanza="$stanza" stanza-create || { alarm "stanza-create"; return 1; }
    local state kind
    state=$(info)
    kind=$(due "$state")
    if [ -n "$kind" ]; then
        log "a $kind backup is due"
        pgbackrest --stanza="$stanza" --type="$kind" backup || { alarm "backup ($kind)"; return 1; }
        state=$(info)
    fi
    tell "$state"
    well
}

if [ "${1:-}" = once ]; then
    look
    exit
fi
while true; do
    look || log "tried again in $pause s"
    sleep "$pause" &
    wait $!
done
