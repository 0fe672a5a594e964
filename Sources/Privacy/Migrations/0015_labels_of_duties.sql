-- Columns that came since.

select privacy.label('automation.feeds', 'security', 'none', '*');
select privacy.label('monitoring.requetes_5min', 'security', 'none', '*');
select privacy.apply_labels();
