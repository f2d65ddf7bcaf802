export interface RemovedEntry {
  entry: string;
  reason: string;
}

export function rewriteRestoreList(
  list: string,
  options: { extensionSchemas?: string[] } = {},
): { kept: string; removed: RemovedEntry[] } {
  void list;
  void options;
  throw new Error('not yet');
}
