/** What the check of either SBOM format finds out. */
export interface CheckedSbom {
  version: string;
  componentCount: number;
}
