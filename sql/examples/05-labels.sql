-- Names beside codes: in the session's language, and in one named here
SELECT DISTINCT currency, currency_name, label('ECB:CL_CURRENCY', currency, 'fr') AS en_francais
FROM ecb.exr_labels
WHERE currency IN ('CHF', 'GBP', 'USD')
ORDER BY currency;
