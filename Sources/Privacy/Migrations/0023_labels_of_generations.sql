-- The labels of what servers of two versions tell each other.
select privacy.label('automation.generations', 'security', 'none', '*');
select privacy.label('automation.functions', 'security', 'none', '*');
select privacy.apply_labels();
