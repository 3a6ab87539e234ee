/** Images that are evaluated at once where nobody says: as many as `evaluate` takes. */
export const SENSITIVITY_BATCH = 250;
