select {schema}.now_ms() as now
