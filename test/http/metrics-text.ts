export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** The samples of a scrape and the names it describes, in order; throws at a line that is not in the Prometheus text format. */
export function readMetrics(text: string): { samples: Sample[]; described: string[] } {
  const samples: Sample[] = [];
  const described: string[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || /^# HELP [a-zA-Z_:][\w:]* .+$/.test(line)) continue;
    const [, typed] = /^# TYPE ([a-zA-Z_:][\w:]*) (?:counter|gauge|histogram|summary)$/.exec(line) ?? [];
    if (typed !== undefined) described.push(typed);
    else samples.push(readSample(line));
  }
  return { samples, described };
}

function readSample(line: string): Sample {
  const [, name, labels, value] =
    /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?[0-9.]+(?:e[+-]?\d+)?|[+-]Inf|[Nn]a[Nn])$/.exec(line) ?? [];
  if (name === undefined) throw new Error(`not a sample: ${line}`);
  const pairs = (labels ?? '').matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g);
  return {
    name,
    labels: Object.fromEntries([...pairs].map(([, label, text]) => [label, text])) as Record<string, string>,
    value: Number(value),
  };
}

/** The value of the one sample with this name and these labels, whatever other labels it has. */
export function valueOf(
  samples: readonly Sample[],
  name: string,
  labels: Record<string, string> = {},
): number {
  const found = samples.filter(
    (sample) =>
      sample.name === name && Object.entries(labels).every(([label, text]) => sample.labels[label] === text),
  );
  const [only] = found;
  if (only === undefined || found.length > 1)
    throw new Error(`${found.length} samples of ${name} ${JSON.stringify(labels)}`);
  return only.value;
}
