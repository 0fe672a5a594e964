-- The same rule on the log's pseudonyms once more, told by reading the sixteen digits and writing them again: a fifth of the
-- cost of 0013's form, which was a third of a log's load. Sixteen bytes that are no digits at all are refused by the
-- reading itself (22023), everything else by the rule.
alter table public.logs
    drop constraint logs_adresse_anonyme,
    drop constraint logs_acteur_anonyme,
    drop constraint logs_objet_anonyme,
    add constraint logs_adresse_anonyme check (
        octet_length(adresse_jeton) = 16 and encode(decode(adresse_jeton, 'hex'), 'hex') = adresse_jeton),
    add constraint logs_acteur_anonyme check (
        octet_length(acteur_jeton) = 16 and encode(decode(acteur_jeton, 'hex'), 'hex') = acteur_jeton),
    add constraint logs_objet_anonyme check (
        octet_length(objet_jeton) = 16 and encode(decode(objet_jeton, 'hex'), 'hex') = objet_jeton);
