// A reporter of the test runner: the tests that failed, each with its file and reason; nothing where none did.
export default async function* failedTests(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:fail') continue;
    const { name, file, line, details, todo } = data;
    // A test fails with its subtest, which is told anyway.
    if (todo !== undefined || details.error?.failureType === 'subtestsFailed') continue;
    const { error } = details;
    const reason = String(error?.cause?.stack ?? error?.cause ?? error);
    yield `${name} (${file ?? 'unknown file'}${line ? `:${line}` : ''})\n${reason.replace(/^/gm, '    ')}\n`;
  }
}
