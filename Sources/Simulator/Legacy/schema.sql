-- The legacy bank as its own developers left it: personal data in clear, few constraints. Used as --baseline too.

CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA public;

CREATE TABLE public.clients (
    id bigint NOT NULL,
    civilite text,
    nom text,
    prenom text,
    email text,
    telephone text,
    adresse text,
    code_postal text,
    ville text,
    date_naissance date,
    mot_de_passe text,
    nir bytea,
    cree_le timestamp without time zone DEFAULT now()
);
CREATE SEQUENCE public.clients_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.clients_id_seq OWNED BY public.clients.id;
ALTER TABLE ONLY public.clients ALTER COLUMN id SET DEFAULT nextval('public.clients_id_seq'::regclass);

CREATE TABLE public.comptes (
    id bigint NOT NULL,
    client_id bigint,
    iban text,
    bic text,
    type text,
    devise character(3) DEFAULT 'EUR'::bpchar,
    solde numeric(15,2) DEFAULT 0,
    decouvert_autorise numeric(15,2) DEFAULT 0,
    ouvert_le date,
    statut text DEFAULT 'actif'::text
);
CREATE SEQUENCE public.comptes_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.comptes_id_seq OWNED BY public.comptes.id;
ALTER TABLE ONLY public.comptes ALTER COLUMN id SET DEFAULT nextval('public.comptes_id_seq'::regclass);

CREATE TABLE public.cartes (
    id bigint NOT NULL,
    compte_id bigint,
    pan text,
    expiration date,
    cvv text,
    reseau text,
    plafond numeric(15,2),
    statut text DEFAULT 'active'::text,
    emise_le date
);
CREATE SEQUENCE public.cartes_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.cartes_id_seq OWNED BY public.cartes.id;
ALTER TABLE ONLY public.cartes ALTER COLUMN id SET DEFAULT nextval('public.cartes_id_seq'::regclass);

CREATE TABLE public.transactions (
    id bigint NOT NULL,
    compte_id bigint,
    date_operation timestamp without time zone,
    date_valeur date,
    montant numeric(15,2),
    type text,
    libelle text,
    contrepartie_nom text,
    contrepartie_iban text,
    carte_id bigint,
    solde_apres numeric(15,2),
    reference text
);
CREATE SEQUENCE public.transactions_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.transactions_id_seq OWNED BY public.transactions.id;
ALTER TABLE ONLY public.transactions ALTER COLUMN id SET DEFAULT nextval('public.transactions_id_seq'::regclass);

CREATE TABLE public.beneficiaires (
    id bigint NOT NULL,
    client_id bigint,
    nom text,
    iban text,
    bic text,
    ajoute_le timestamp without time zone DEFAULT now()
);
CREATE SEQUENCE public.beneficiaires_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.beneficiaires_id_seq OWNED BY public.beneficiaires.id;
ALTER TABLE ONLY public.beneficiaires ALTER COLUMN id SET DEFAULT nextval('public.beneficiaires_id_seq'::regclass);

CREATE TABLE public.virements (
    id bigint NOT NULL,
    compte_id bigint,
    beneficiaire_id bigint,
    montant numeric(15,2),
    motif text,
    statut text,
    demande_le timestamp without time zone DEFAULT now(),
    transaction_id bigint
);
CREATE SEQUENCE public.virements_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.virements_id_seq OWNED BY public.virements.id;
ALTER TABLE ONLY public.virements ALTER COLUMN id SET DEFAULT nextval('public.virements_id_seq'::regclass);

CREATE TABLE public.employes (
    id bigint NOT NULL,
    login text,
    nom text,
    role text,
    mot_de_passe text,
    actif boolean DEFAULT true,
    cree_le timestamp without time zone DEFAULT now()
);
CREATE SEQUENCE public.employes_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.employes_id_seq OWNED BY public.employes.id;
ALTER TABLE ONLY public.employes ALTER COLUMN id SET DEFAULT nextval('public.employes_id_seq'::regclass);

CREATE TABLE public.logs (
    id bigint NOT NULL,
    horodatage timestamp without time zone DEFAULT now(),
    ip inet,
    utilisateur text,
    action text,
    objet text,
    detail jsonb
);
CREATE SEQUENCE public.logs_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.logs_id_seq OWNED BY public.logs.id;
ALTER TABLE ONLY public.logs ALTER COLUMN id SET DEFAULT nextval('public.logs_id_seq'::regclass);

CREATE TABLE public.releves (
    id bigint NOT NULL,
    compte_id bigint,
    mois date,
    solde_debut numeric(15,2),
    solde_fin numeric(15,2),
    nombre_operations integer
);
CREATE SEQUENCE public.releves_id_seq START WITH 1 INCREMENT BY 1 NO MINVALUE NO MAXVALUE CACHE 1;
ALTER SEQUENCE public.releves_id_seq OWNED BY public.releves.id;
ALTER TABLE ONLY public.releves ALTER COLUMN id SET DEFAULT nextval('public.releves_id_seq'::regclass);

CREATE FUNCTION public.nom_complet(c public.clients) RETURNS text
    LANGUAGE sql STABLE
    AS $$ SELECT concat_ws(' ', c.civilite, c.prenom, c.nom) $$;

CREATE FUNCTION public.horodater_virement() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.demande_le := coalesce(NEW.demande_le, now());
    RETURN NEW;
END
$$;

CREATE VIEW public.v_comptes_clients AS
 SELECT c.id AS client_id, c.nom, c.prenom, a.id AS compte_id, a.type, a.solde
   FROM (public.clients c
     JOIN public.comptes a ON ((a.client_id = c.id)));

CREATE TRIGGER virements_horodatage BEFORE INSERT ON public.virements
    FOR EACH ROW EXECUTE FUNCTION public.horodater_virement();
