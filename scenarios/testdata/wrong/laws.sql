-- invariant: L6 grants have a value
SELECT order_no FROM final_grants WHERE value = 0;
-- cases:
SELECT count(*) FROM final_grants;
