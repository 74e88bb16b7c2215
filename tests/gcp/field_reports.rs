//! What people met on this cloud, as docs/field-reports.md lists it. The page says what each report has to be.
