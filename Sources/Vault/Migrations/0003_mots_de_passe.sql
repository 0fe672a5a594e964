-- crypt() and gen_salt() for password hashes; the bank's schema asks for the extension too.

create extension if not exists pgcrypto;
