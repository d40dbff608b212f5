-- invariant: L5
-- bearer: nobody
SELECT order_no FROM final_grants WHERE value = 0;
-- cases:
SELECT count(*) FROM final_grants;
-- cases:
