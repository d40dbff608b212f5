-- invariant: L4 cases are not counted
SELECT order_no FROM final_grants GROUP BY order_no HAVING count(*) > 1
