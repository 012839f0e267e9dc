select report, {schema}.now_ms() - beat_at as age from {schema}.workers where beat_at >= {schema}.now_ms() - 86400000
