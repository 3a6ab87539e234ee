const MAX_GROUPS = 65_535;

/**
 * Counts the workgroups for `items` pieces of 1-D work, `perGroup` to a workgroup, folded into y where x alone is too
 * short.
 */
export function linearGrid(items: number, perGroup: number): readonly [number, number, number] {
  const groups = Math.max(1, Math.ceil(items / perGroup));
  if (groups <= MAX_GROUPS) return [groups, 1, 1];
  const y = Math.ceil(groups / MAX_GROUPS);
  return [Math.ceil(groups / y), y, 1];
}
