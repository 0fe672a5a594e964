-- Which rules find something: a rule that never does, and one that finds too much, show in the figures.

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
        group by rule, severity order by count(*) desc, rule limit 50) f;
revoke all on detection.indicators from public;
