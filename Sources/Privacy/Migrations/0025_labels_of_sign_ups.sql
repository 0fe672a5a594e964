-- The password that belongs to a sign-up that waits for its confirmation.
select privacy.label('auth.one_time_tokens', 'access', 'credential', 'password_hash');
select privacy.apply_labels();
