const width = 120;
const height = 24;

/** Recent values of a number as a small chart, scaled to the highest value. */
export function Sparkline({ values, label }: { readonly values: readonly number[]; readonly label: string }) {
  const most = Math.max(...values, 1e-9);
  const step = width / 119;
  const begin = width - (values.length - 1) * step;
  const points = values.map((value, index) => {
    return `${round(begin + index * step)} ${round(height - 1 - (value / most) * (height - 3))}`;
  });
  return (
    <svg
      class="sparkline"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={label}
    >
      {points.length > 1 && (
        <>
          <path class="sparkline-area" d={`M${round(begin)} ${height}L${points.join('L')}L${width} ${height}Z`} />
          <path class="sparkline-line" d={`M${points.join('L')}`} />
        </>
      )}
    </svg>
  );
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
