-- The same rule on the log's pseudonyms, sixteen hexadecimal digits, told without a regular expression: three of them on
-- each row cost more than the rest of a load, and a log is loaded at each recovery and at each proof of a backup.
alter table public.logs
    drop constraint if exists logs_adresse_anonyme,
    drop constraint if exists logs_acteur_anonyme,
    drop constraint if exists logs_objet_anonyme,
    add constraint logs_adresse_anonyme check (
        octet_length(adresse_jeton) = 16 and ltrim(adresse_jeton, '0123456789abcdef') = ''),
    add constraint logs_acteur_anonyme check (
        octet_length(acteur_jeton) = 16 and ltrim(acteur_jeton, '0123456789abcdef') = ''),
    add constraint logs_objet_anonyme check (
        octet_length(objet_jeton) = 16 and ltrim(objet_jeton, '0123456789abcdef') = '');
