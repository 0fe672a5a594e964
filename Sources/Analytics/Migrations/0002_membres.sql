-- Members that are there from the start, and the calendar.

create function bi.paques(p_annee integer) returns date
    language plpgsql immutable
    set search_path = ''
    as $$
declare
    -- Meeus, Jones and Butcher.
    a constant integer := p_annee % 19;
    b constant integer := p_annee / 100;
    c constant integer := p_annee % 100;
    h constant integer := (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    l constant integer := (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    m constant integer := (a + 11 * h + 22 * l) / 451;
begin
    return make_date(p_annee, (h + l - 7 * m + 114) / 31, (h + l - 7 * m + 114) % 31 + 1);
end
$$;

create function bi.ferie(p_jour date) returns text
    language sql immutable
    set search_path = ''
    as $$
        select case to_char(p_jour, 'MMDD')
            when '0101' then 'Jour de l''an' when '0501' then 'Fête du Travail' when '0508' then 'Victoire 1945'
            when '0714' then 'Fête nationale' when '0815' then 'Assomption' when '1101' then 'Toussaint'
            when '1111' then 'Armistice 1918' when '1225' then 'Noël'
            else case p_jour - bi.paques(extract(year from p_jour)::integer)
                when 1 then 'Lundi de Pâques' when 39 then 'Ascension' when 50 then 'Lundi de Pentecôte' end
        end
    $$;

-- Closed on week-ends, New Year, Good Friday, Easter Monday, 1 May, 25 and 26 December.
create function bi.target_ouvert(p_jour date) returns boolean
    language sql immutable
    set search_path = ''
    as $$
        select extract(isodow from p_jour) < 6 and to_char(p_jour, 'MMDD') not in ('0101', '0501', '1225', '1226')
            and p_jour - bi.paques(extract(year from p_jour)::integer) not in (-2, 1)
    $$;

create function bi.cle_du_jour(p_jour date) returns bigint
    language sql immutable parallel safe
    return extract(year from p_jour)::bigint * 10000 + extract(month from p_jour)::bigint * 100
        + extract(day from p_jour)::bigint;

-- Whole years from that of `p_debut` to that of `p_fin`.
create function bi.remplir_le_calendrier(p_debut date, p_fin date) returns void
    language sql
    set search_path = ''
    as $$
        insert into bi.dim_date
        select bi.cle_du_jour(j.jour), j.jour, extract(year from j.jour), extract(quarter from j.jour),
            extract(month from j.jour),
            (array['janvier', 'février', 'mars', 'avril', 'mai', 'juin', 'juillet', 'août', 'septembre', 'octobre',
                'novembre', 'décembre'])[extract(month from j.jour)::integer],
            to_char(j.jour, 'YYYY-MM'), extract(week from j.jour), extract(isoyear from j.jour),
            extract(isodow from j.jour),
            (array['lundi', 'mardi', 'mercredi', 'jeudi', 'vendredi', 'samedi', 'dimanche'])[
                extract(isodow from j.jour)::integer],
            extract(isodow from j.jour) < 6 and bi.ferie(j.jour) is null, bi.ferie(j.jour), bi.target_ouvert(j.jour)
        from (
            select g::date as jour from generate_series(
                date_trunc('year', p_debut::timestamp),
                date_trunc('year', p_fin::timestamp) + interval '1 year - 1 day', interval '1 day') g) j
        on conflict do nothing
    $$;

insert into bi.dim_date values
    (-1, '1900-01-01', 1900, 1, 1, 'inconnu', 'inconnu', 1, 1900, 1, 'inconnu', false, null, false);
select bi.remplir_le_calendrier(current_date - 366, current_date + 366);

insert into bi.dim_heure
select h, h, case when h < 0 then 'inconnue' when h < 6 then 'nuit' when h < 12 then 'matin' when h < 18 then 'après-midi'
    else 'soir' end
from generate_series(-1, 23) h;
insert into bi.dim_client values
    (-1, 'inconnu', 'inconnu', 'inconnue', 'inconnu', 'inconnue', 'inconnu', 'inconnu', 'inconnu', '1900-01-01 00:00Z',
        '9999-12-31 00:00Z', true);
insert into bi.dim_compte values (-1, 'inconnu', 'inconnu', 'inconnue', 'inconnu', null, false);
insert into bi.dim_carte values (-1, 'aucune', 'aucun', 'aucun', null);
insert into bi.dim_marchand values (-1, 'aucun', 'inconnu', 'inconnue');
insert into bi.dim_canal values (-1, 'inconnu');
insert into bi.dim_pays values (-1, '??', 'inconnu', 'inconnue');
insert into bi.dim_type_operation values (-1, 'inconnu');
insert into bi.dim_regle_fraude values (-1, 'aucune');
insert into bi.dim_modele values (-1, 'aucun', 'inconnu');
insert into bi.dim_service values (-1, 'inconnu', 'inconnue');
insert into bi.dim_severite values (-1, 'inconnue'), (1, 'faible'), (2, 'moyenne'), (3, 'élevée'), (4, 'critique');
insert into bi.dim_statut values (-1, 'inconnu');
insert into bi.dim_service (service, criticite) values
    ('paiements', 'critique'), ('authentification', 'critique'), ('api', 'critique'), ('temps réel', 'importante'),
    ('sauvegardes', 'critique'), ('consoles', 'importante');
insert into bi.dim_pays (pays, nom, zone) values
    ('FR', 'France', 'UE'), ('DE', 'Allemagne', 'UE'), ('AT', 'Autriche', 'UE'), ('BE', 'Belgique', 'UE'),
    ('BG', 'Bulgarie', 'UE'), ('CY', 'Chypre', 'UE'), ('HR', 'Croatie', 'UE'), ('DK', 'Danemark', 'UE'),
    ('ES', 'Espagne', 'UE'), ('EE', 'Estonie', 'UE'), ('FI', 'Finlande', 'UE'), ('GR', 'Grèce', 'UE'),
    ('HU', 'Hongrie', 'UE'), ('IE', 'Irlande', 'UE'), ('IT', 'Italie', 'UE'), ('LV', 'Lettonie', 'UE'),
    ('LT', 'Lituanie', 'UE'), ('LU', 'Luxembourg', 'UE'), ('MT', 'Malte', 'UE'), ('NL', 'Pays-Bas', 'UE'),
    ('PL', 'Pologne', 'UE'), ('PT', 'Portugal', 'UE'), ('CZ', 'Tchéquie', 'UE'), ('RO', 'Roumanie', 'UE'),
    ('SK', 'Slovaquie', 'UE'), ('SI', 'Slovénie', 'UE'), ('SE', 'Suède', 'UE'), ('IS', 'Islande', 'SEPA'),
    ('LI', 'Liechtenstein', 'SEPA'), ('NO', 'Norvège', 'SEPA'), ('CH', 'Suisse', 'SEPA'), ('GB', 'Royaume-Uni', 'SEPA'),
    ('MC', 'Monaco', 'SEPA'), ('AD', 'Andorre', 'SEPA'), ('SM', 'Saint-Marin', 'SEPA');
insert into bi.reperes (source) values
    ('dimensions'), ('transactions'), ('soldes'), ('alertes'), ('securite'), ('incidents');
