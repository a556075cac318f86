/* SPDX-License-Identifier: MIT */
/*
 * A fast Fourier transform of 256 complex numbers there and back, in REAL. The includer names the benchmark.
 *
 * The checksum counts what comes back as it was and rounds in which the energy was kept (Parseval), so that it does not depend on fused multiplications.
 * Source: Cooley and Tukey, Mathematics of Computation 19 (1965).
 */
enum { N = 256, LOG = 8 };
static REAL re[N], im[N], was[N], wr[N / 2], wi[N / 2];

/* exp(-2 pi i k / N), each from the one before it. */
static void roots(void)
{
    const double c = 0.99969881869620424997, s = -0.024541228522912288032;
    double x = 1, y = 0;
    for (int k = 0; k < N / 2; k++) {
        wr[k] = (REAL)x;
        wi[k] = (REAL)y;
        double next = x * c - y * s;
        y = x * s + y * c;
        x = next;
    }
}

static void reorder(void)
{
    for (int i = 0; i < N; i++) {
        int j = 0;
        for (int bit = 0; bit < LOG; bit++)
            j |= (i >> bit & 1) << (LOG - 1 - bit);
        if (j > i) {
            REAL t = re[i], u = im[i];
            re[i] = re[j], im[i] = im[j];
            re[j] = t, im[j] = u;
        }
    }
}

static void transform(REAL sign)
{
    reorder();
    for (int half = 1; half < N; half *= 2)
        for (int k = 0; k < half; k++) {
            REAL x = wr[k * (N / 2 / half)], y = sign * wi[k * (N / 2 / half)];
            for (int i = k; i < N; i += 2 * half) {
                int j = i + half;
                REAL t = x * re[j] - y * im[j], u = x * im[j] + y * re[j];
                re[j] = re[i] - t, im[j] = im[i] - u;
                re[i] += t, im[i] += u;
            }
        }
}

static REAL energy(void)
{
    REAL sum = 0;
    for (int i = 0; i < N; i++)
        sum += re[i] * re[i] + im[i] * im[i];
    return sum;
}

static int is_near(REAL a, REAL b, REAL distance)
{
    return a - b < distance && b - a < distance;
}

uint32_t bench_run(uint32_t rounds)
{
    uint32_t seed = 1618, sum = 0;
    roots();
    for (uint32_t r = 0; r < rounds; r++) {
        if (r % 16 == 0)
            for (int i = 0; i < N; i++) {
                re[i] = was[i] = (REAL)(int32_t)(bench_next(&seed) & 0x3ff) - 512;
                im[i] = 0;
            }
        REAL before = energy();
        transform(1);
        sum = sum * 31 + (uint32_t)is_near(energy() / N, before, before / 1000);
        transform(-1);
        for (int i = 0; i < N; i++) {
            re[i] *= (REAL)(1.0 / N), im[i] *= (REAL)(1.0 / N);
            sum += (uint32_t)is_near(re[i], was[i], (REAL)0.5);
        }
    }
    return sum;
}
