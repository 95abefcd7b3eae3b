__attribute__((export_name("f"))) int f(void) { return 1; }
