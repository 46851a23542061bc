// Training kernels for CPUs that multiply bfloat16, with AMX (Intel Xeon since 2023) or AVX-512 (AMD EPYC
// since 2022): see kernels.py for what they compute.
//
// PyTorch's own LSTM, batch normalisation and CTC leave most of such a CPU idle when one network of a
// few million weights is trained. Here the recurrent matrix lies in the order in which it is multiplied,
// everything between two matrix products is one pass over bfloat16, and CTC runs on scaled probabilities
// instead of logarithms.

#include <immintrin.h>
#include <sys/syscall.h>
#include <torch/extension.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

namespace {

using at::Tensor;
using bf16 = uint16_t;

constexpr int64_t kRows = 16;      // rows of a tile
constexpr int64_t kBlockRows = 32; // rows of the batch that one pass over the weights serves
constexpr int64_t kTile = 512;     // bfloat16 numbers in a tile

#ifdef __AMX_BF16__
struct alignas(64) TileConfig {
  uint8_t palette = 1, start_row = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {};
  uint8_t rows[16] = {};
};

void begin_tiles() {
  TileConfig config;
  for (int tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = 64;
    config.rows[tile] = kRows;
  }
  _tile_loadconfig(&config);
}
void end_tiles() { _tile_release(); }
#else
void begin_tiles() {}
void end_tiles() {}
#endif

template <typename T>
struct Buffer {
  explicit Buffer(int64_t n)
      : data(static_cast<T*>(std::aligned_alloc(64, (n * sizeof(T) + 63) / 64 * 64)), std::free) {
    std::memset(data.get(), 0, n * sizeof(T));
  }
  operator T*() { return data.get(); }
  std::unique_ptr<T, decltype(&std::free)> data;
};

inline __m512 load_bf16(const bf16* p) {
  const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

inline void store_bf16(bf16* p, __m512 x) {
  const __m256bh narrow = _mm512_cvtneps_pbh(x);
  std::memcpy(p, &narrow, sizeof narrow);
}

inline __m512bh load_pairs(const bf16* p) {
  return reinterpret_cast<__m512bh>(_mm512_load_si512(p));
}

// exp by 2^n times a polynomial (Cephes' expf), relative error about 1e-7.
inline __m512 exp512(__m512 x) {
  x = _mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(-87.0f)), _mm512_set1_ps(88.0f));
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)),
                                        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  x = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
  x = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), x);
  __m512 y = _mm512_set1_ps(1.9875691500e-4f);
  for (float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f})
    y = _mm512_fmadd_ps(y, x, _mm512_set1_ps(c));
  y = _mm512_add_ps(_mm512_fmadd_ps(_mm512_mul_ps(x, x), y, x), _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(y, n);
}

inline __m512 one() { return _mm512_set1_ps(1.0f); }

inline __m512 sigmoid512(__m512 x) {
  const __m512 below = _mm512_add_ps(one(), exp512(_mm512_sub_ps(_mm512_setzero_ps(), x)));
  // 1 / below: 14 bits, and Newton's step doubles them.
  const __m512 guess = _mm512_rcp14_ps(below);
  return _mm512_mul_ps(guess, _mm512_fnmadd_ps(below, guess, _mm512_set1_ps(2.0f)));
}

inline __m512 tanh512(__m512 x) {
  return _mm512_sub_ps(_mm512_mul_ps(_mm512_set1_ps(2.0f), sigmoid512(_mm512_add_ps(x, x))), one());
}

// The probabilities of n logits.
inline void softmax(const float* x, int64_t n, float* p) {
  const float top = *std::max_element(x, x + n);
  double sum = 0;
  for (int64_t k = 0; k < n; ++k) sum += p[k] = std::exp(x[k] - top);
  for (int64_t k = 0; k < n; ++k) p[k] /= sum;
}

// Sixteen xorshift generators side by side, for dropout.
struct Dice {
  Dice(int64_t seed, int64_t stream, double dropout)
      : bound(_mm512_set1_epi32(static_cast<uint32_t>(dropout * 4294967295.0))) {
    alignas(64) uint32_t start[16];
    for (int lane = 0; lane < 16; ++lane) {
      uint64_t z = static_cast<uint64_t>(seed) * 0x9E3779B97F4A7C15ull + stream * 16 + lane + 1;
      z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
      z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
      start[lane] = static_cast<uint32_t>(z >> 32) | 1u;
    }
    state = _mm512_load_si512(start);
  }
  __mmask16 keep() {
    state = _mm512_xor_si512(state, _mm512_slli_epi32(state, 13));
    state = _mm512_xor_si512(state, _mm512_srli_epi32(state, 17));
    state = _mm512_xor_si512(state, _mm512_slli_epi32(state, 5));
    return _mm512_cmpge_epu32_mask(state, bound);
  }
  __m512i state, bound;
};

// C (two tiles of rows by two of columns) = A B over `depth` tiles. A: rows of bfloat16; the tiles of
// B's two columns lie one after the other. Rows beyond n_rows hold anything or are left alone.
#ifdef __AMX_BF16__
inline void multiply(const bf16* a, int64_t a_stride, int64_t n_rows, const bf16* b0, const bf16* b1,
                     int64_t depth, float* c0, float* c1, int64_t c_stride) {
  _tile_zero(0);
  _tile_zero(1);
  if (n_rows > kRows) {
    _tile_zero(2);
    _tile_zero(3);
    for (int64_t k = 0; k < depth; ++k) {
      _tile_loadd(4, a + k * 32, a_stride * 2);
      _tile_loadd(6, b0 + k * kTile, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, b1 + k * kTile, 64);
      _tile_dpbf16ps(1, 4, 7);
      _tile_loadd(5, a + kRows * a_stride + k * 32, a_stride * 2);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(2, c0 + kRows * c_stride, c_stride * 4);
    _tile_stored(3, c1 + kRows * c_stride, c_stride * 4);
  } else {
    for (int64_t k = 0; k < depth; ++k) {
      _tile_loadd(4, a + k * 32, a_stride * 2);
      _tile_loadd(6, b0 + k * kTile, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, b1 + k * kTile, 64);
      _tile_dpbf16ps(1, 4, 7);
    }
  }
  _tile_stored(0, c0, c_stride * 4);
  _tile_stored(1, c1, c_stride * 4);
}
#else
// A tile of B is 16 vectors, each of pairs of numbers for 16 columns. Eight rows by two columns of sums
// stay in registers.
inline void multiply(const bf16* a, int64_t a_stride, int64_t n_rows, const bf16* b0, const bf16* b1,
                     int64_t depth, float* c0, float* c1, int64_t c_stride) {
  constexpr int64_t group = 8;
  for (int64_t row = 0; row < n_rows; row += group) {
    const bf16* rows = a + row * a_stride;
    __m512 sums[group][2] = {};
    for (int64_t k = 0; k < depth * kRows; ++k) {
      const __m512bh left = load_pairs(b0 + k * 32), right = load_pairs(b1 + k * 32);
#pragma GCC unroll 8
      for (int64_t r = 0; r < group; ++r) {
        int32_t pair;
        std::memcpy(&pair, rows + r * a_stride + 2 * k, sizeof pair);
        const __m512bh x = reinterpret_cast<__m512bh>(_mm512_set1_epi32(pair));
        sums[r][0] = _mm512_dpbf16_ps(sums[r][0], x, left);
        sums[r][1] = _mm512_dpbf16_ps(sums[r][1], x, right);
      }
    }
#pragma GCC unroll 8
    for (int64_t r = 0; r < group; ++r) {
      _mm512_store_ps(c0 + (row + r) * c_stride, sums[r][0]);
      _mm512_store_ps(c1 + (row + r) * c_stride, sums[r][1]);
    }
  }
}
#endif

const bf16* data(const Tensor& t) { return reinterpret_cast<const bf16*>(t.data_ptr<at::BFloat16>()); }
bf16* mutable_data(const Tensor& t) { return reinterpret_cast<bf16*>(t.data_ptr<at::BFloat16>()); }

void check(const Tensor& t, at::ScalarType type, const char* name) {
  TORCH_CHECK(t.is_contiguous() && t.scalar_type() == type, name, ": not contiguous or of another type");
}

}  // namespace

bool begin() {
#ifdef __AMX_BF16__
  // Linux hands out the tile unit on request only: ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA.
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
  return true;
#endif
}

// Where each clip begins among the frames of a batch, and how many frames there are.
std::vector<int64_t> starts(const Tensor& counts) {
  check(counts, at::kLong, "counts");
  std::vector<int64_t> result(counts.size(0) + 1, 0);
  for (int64_t i = 0; i < counts.size(0); ++i) result[i + 1] = result[i] + counts.data_ptr<int64_t>()[i];
  return result;
}

// gates: bfloat16 (frames, 4 n), the input's share of the gates i, f, g, o, clip after clip; n_frames: int64
// (clips,); w: bfloat16 (4 n, n). Every clip begins with a state of zeros.
// Returns h bfloat16 (frames, n), c float32 likewise, and the gates after their functions.
std::vector<Tensor> lstm_forward(const Tensor& gates, const Tensor& n_frames, const Tensor& w) {
  check(gates, at::kBFloat16, "gates");
  check(w, at::kBFloat16, "w");
  const int64_t n = w.size(1), clips = n_frames.size(0), depth = n / 32;
  const std::vector<int64_t> start = starts(n_frames);
  TORCH_CHECK(n % 32 == 0 && gates.size(1) == 4 * n && w.size(0) == 4 * n && gates.size(0) == start[clips],
              "sizes do not fit");
  // Tiles in the order of use: 16 units, their four gates, depth.
  Buffer<bf16> packed(4 * n * n);
  const bf16* weights = data(w);
  for (int64_t u = 0; u < n / 16; ++u)
    for (int64_t gate = 0; gate < 4; ++gate)
      for (int64_t k = 0; k < depth; ++k) {
        bf16* tile = packed + ((u * 4 + gate) * depth + k) * kTile;
        for (int64_t r = 0; r < 16; ++r)
          for (int64_t j = 0; j < 16; ++j)
            for (int64_t s = 0; s < 2; ++s)
              tile[r * 32 + 2 * j + s] = weights[(gate * n + u * 16 + j) * n + k * 32 + 2 * r + s];
      }
  Tensor h = at::empty({start[clips], n}, gates.options());
  Tensor c = at::empty({start[clips], n}, gates.options().dtype(at::kFloat));
  Tensor acts = at::empty_like(gates);
  const bf16 *in = data(gates), *w_tiles = packed;
  bf16 *h_out = mutable_data(h), *acts_out = mutable_data(acts);
  float* c_out = c.data_ptr<float>();
  at::parallel_for(0, (clips + kBlockRows - 1) / kBlockRows, 1, [&](int64_t first, int64_t last) {
    begin_tiles();
    Buffer<bf16> before(kBlockRows * n), after(kBlockRows * n);
    Buffer<float> sums(4 * kBlockRows * 16), memory(kBlockRows * n);
    for (int64_t block = first; block < last; ++block) {
      const int64_t clip0 = block * kBlockRows, rows = std::min(kBlockRows, clips - clip0);
      int64_t time = 0;
      for (int64_t r = 0; r < rows; ++r) time = std::max(time, start[clip0 + r + 1] - start[clip0 + r]);
      bf16 *h0 = before, *h1 = after;
      std::memset(h0, 0, kBlockRows * n * 2);
      std::memset(static_cast<float*>(memory), 0, kBlockRows * n * 4);
      for (int64_t t = 0; t < time; ++t) {
        for (int64_t u = 0; u < n / 16; ++u) {
          for (int64_t pair = 0; pair < 2; ++pair) {
            const bf16* b = w_tiles + (u * 4 + 2 * pair) * depth * kTile;
            float* s = sums + 2 * pair * kBlockRows * 16;
            multiply(h0, n, rows, b, b + depth * kTile, depth, s, s + kBlockRows * 16, 16);
          }
          for (int64_t r = 0; r < rows; ++r) {
            const int64_t at = start[clip0 + r] + t, unit = u * 16;
            if (at >= start[clip0 + r + 1]) continue;
            const bf16* x = in + at * 4 * n + unit;
            const float* s = sums + r * 16;
            constexpr int64_t step = kBlockRows * 16;
            const __m512 i = sigmoid512(_mm512_add_ps(_mm512_load_ps(s), load_bf16(x)));
            const __m512 f = sigmoid512(_mm512_add_ps(_mm512_load_ps(s + step), load_bf16(x + n)));
            const __m512 g = tanh512(_mm512_add_ps(_mm512_load_ps(s + 2 * step), load_bf16(x + 2 * n)));
            const __m512 o = sigmoid512(_mm512_add_ps(_mm512_load_ps(s + 3 * step), load_bf16(x + 3 * n)));
            float* cell = memory + r * n + unit;
            const __m512 now = _mm512_fmadd_ps(f, _mm512_load_ps(cell), _mm512_mul_ps(i, g));
            _mm512_store_ps(cell, now);
            _mm512_storeu_ps(c_out + at * n + unit, now);
            const __m512 out = _mm512_mul_ps(o, tanh512(now));
            store_bf16(h1 + r * n + unit, out);
            store_bf16(h_out + at * n + unit, out);
            bf16* act = acts_out + at * 4 * n + unit;
            store_bf16(act, i);
            store_bf16(act + n, f);
            store_bf16(act + 2 * n, g);
            store_bf16(act + 3 * n, o);
          }
        }
        std::swap(h0, h1);
      }
    }
    end_tiles();
  });
  return {h, c, acts};
}

// Returns the gradient of the gates before their functions, bfloat16 (frames, 4 n).
Tensor lstm_backward(const Tensor& grad, const Tensor& n_frames, const Tensor& c, const Tensor& acts,
                     const Tensor& w) {
  check(grad, at::kBFloat16, "grad");
  check(c, at::kFloat, "c");
  check(acts, at::kBFloat16, "acts");
  check(w, at::kBFloat16, "w");
  const int64_t n = w.size(1), clips = n_frames.size(0), depth = 4 * n / 32;
  const std::vector<int64_t> start = starts(n_frames);
  Buffer<bf16> packed(4 * n * n);
  const bf16* weights = data(w);
  for (int64_t u = 0; u < n / 16; ++u)
    for (int64_t k = 0; k < depth; ++k) {
      bf16* tile = packed + (u * depth + k) * kTile;
      for (int64_t r = 0; r < 16; ++r)
        for (int64_t j = 0; j < 16; ++j)
          for (int64_t s = 0; s < 2; ++s)
            tile[r * 32 + 2 * j + s] = weights[(k * 32 + 2 * r + s) * n + u * 16 + j];
    }
  Tensor result = at::empty_like(acts);
  bf16* d_out = mutable_data(result);
  const bf16 *g_in = data(grad), *a_in = data(acts), *w_tiles = packed;
  const float* c_in = c.data_ptr<float>();
  at::parallel_for(0, (clips + kBlockRows - 1) / kBlockRows, 1, [&](int64_t first, int64_t last) {
    begin_tiles();
    Buffer<bf16> d_gates(kBlockRows * 4 * n);
    Buffer<float> d_h(kBlockRows * n), d_c(kBlockRows * n);
    for (int64_t block = first; block < last; ++block) {
      const int64_t clip0 = block * kBlockRows, rows = std::min(kBlockRows, clips - clip0);
      int64_t time = 0;
      for (int64_t r = 0; r < rows; ++r) time = std::max(time, start[clip0 + r + 1] - start[clip0 + r]);
      // Rows of clips that have not begun yet, seen from the end, stay zero.
      std::memset(static_cast<bf16*>(d_gates), 0, kBlockRows * 4 * n * 2);
      std::memset(static_cast<float*>(d_h), 0, kBlockRows * n * 4);
      std::memset(static_cast<float*>(d_c), 0, kBlockRows * n * 4);
      for (int64_t t = time - 1; t >= 0; --t) {
        for (int64_t r = 0; r < rows; ++r) {
          const int64_t at = start[clip0 + r] + t;
          if (at >= start[clip0 + r + 1]) continue;
          const bf16 *g_row = g_in + at * n, *a_row = a_in + at * 4 * n;
          const float *c_row = c_in + at * n, *c_before = c_row - n;
          float *dh_row = d_h + r * n, *dc_row = d_c + r * n;
          bf16* d_row = d_gates + r * 4 * n;
          for (int64_t u = 0; u < n; u += 16) {
            const __m512 i = load_bf16(a_row + u), f = load_bf16(a_row + n + u);
            const __m512 g = load_bf16(a_row + 2 * n + u), o = load_bf16(a_row + 3 * n + u);
            const __m512 dh = _mm512_add_ps(load_bf16(g_row + u), _mm512_load_ps(dh_row + u));
            const __m512 tc = tanh512(_mm512_loadu_ps(c_row + u));
            const __m512 old = t ? _mm512_loadu_ps(c_before + u) : _mm512_setzero_ps();
            const __m512 d_o = _mm512_mul_ps(dh, tc);
            const __m512 dc = _mm512_fmadd_ps(_mm512_mul_ps(dh, o), _mm512_fnmadd_ps(tc, tc, one()),
                                              _mm512_load_ps(dc_row + u));
            store_bf16(d_row + u, _mm512_mul_ps(_mm512_mul_ps(dc, g), _mm512_fnmadd_ps(i, i, i)));
            store_bf16(d_row + n + u, _mm512_mul_ps(_mm512_mul_ps(dc, old), _mm512_fnmadd_ps(f, f, f)));
            store_bf16(d_row + 2 * n + u, _mm512_mul_ps(_mm512_mul_ps(dc, i), _mm512_fnmadd_ps(g, g, one())));
            store_bf16(d_row + 3 * n + u, _mm512_mul_ps(d_o, _mm512_fnmadd_ps(o, o, o)));
            _mm512_store_ps(dc_row + u, _mm512_mul_ps(dc, f));
          }
          std::memcpy(d_out + at * 4 * n, d_row, 4 * n * 2);
        }
        for (int64_t u = 0; t && u < n / 16; u += 2) {
          const bf16* b = w_tiles + u * depth * kTile;
          float* s = d_h + u * 16;
          multiply(d_gates, 4 * n, rows, b, b + depth * kTile, depth, s, s + 16, n);
        }
      }
    }
    end_tiles();
  });
  return result;
}

// Batch normalisation, clipping to 0 .. limit and dropout of x, bfloat16 (rows, n), in two passes.
// Returns the result; the factor and shift that x went through, its mean and 1 / deviation, float32 (n,).
std::vector<Tensor> norm_forward(const Tensor& x, const Tensor& weight, const Tensor& bias, double limit,
                                 double epsilon, double dropout, int64_t seed) {
  check(x, at::kBFloat16, "x");
  const int64_t rows = x.size(0), n = x.size(1);
  TORCH_CHECK(n % 16 == 0, "the width is not a multiple of 16");
  const bf16* in = data(x);
  Tensor out = at::empty_like(x);
  Tensor mean = at::zeros({n}, at::kDouble), square = at::zeros({n}, at::kDouble);
  double *m = mean.data_ptr<double>(), *q = square.data_ptr<double>();
  Buffer<float> sums(2 * n);
  for (int64_t start = 0; start < rows; start += 512) {
    std::memset(static_cast<float*>(sums), 0, 2 * n * 4);
    for (int64_t row = start; row < std::min(rows, start + 512); ++row)
      for (int64_t u = 0; u < n; u += 16) {
        const __m512 v = load_bf16(in + row * n + u);
        _mm512_store_ps(sums + u, _mm512_add_ps(_mm512_load_ps(sums + u), v));
        _mm512_store_ps(sums + n + u, _mm512_fmadd_ps(v, v, _mm512_load_ps(sums + n + u)));
      }
    for (int64_t u = 0; u < n; ++u) {
      m[u] += sums[u];
      q[u] += sums[n + u];
    }
  }
  mean /= rows;
  const Tensor variance = (square / rows - mean * mean).clamp_min(0.0);
  const Tensor deviation = (variance + epsilon).rsqrt();
  const Tensor factor = (weight.to(at::kDouble) * deviation).to(at::kFloat).contiguous();
  const Tensor shift = (bias.to(at::kDouble) - mean * weight.to(at::kDouble) * deviation).to(at::kFloat).contiguous();
  const float *a = factor.data_ptr<float>(), *b = shift.data_ptr<float>();
  const __m512 most = _mm512_set1_ps(limit), scale = _mm512_set1_ps(1.0 / (1.0 - dropout));
  bf16* result = mutable_data(out);
  at::parallel_for(0, rows, 2048, [&](int64_t first, int64_t last) {
    Dice dice(seed, first, dropout);
    for (int64_t row = first; row < last; ++row)
      for (int64_t u = 0; u < n; u += 16) {
        __m512 v = _mm512_fmadd_ps(load_bf16(in + row * n + u), _mm512_loadu_ps(a + u), _mm512_loadu_ps(b + u));
        v = _mm512_mul_ps(_mm512_min_ps(_mm512_max_ps(v, _mm512_setzero_ps()), most), scale);
        if (dropout > 0) v = _mm512_maskz_mov_ps(dice.keep(), v);
        store_bf16(result + row * n + u, v);
      }
  });
  return {out, factor, shift, mean.to(at::kFloat), deviation.to(at::kFloat)};
}

// Returns the gradients of x (bfloat16), weight and bias (float32).
std::vector<Tensor> norm_backward(const Tensor& grad, const Tensor& x, const Tensor& out, const Tensor& weight,
                                  const Tensor& factor, const Tensor& shift, const Tensor& mean,
                                  const Tensor& deviation, double limit, double dropout) {
  check(grad, at::kBFloat16, "grad");
  check(x, at::kBFloat16, "x");
  const int64_t rows = x.size(0), n = x.size(1);
  const bf16 *g_in = data(grad), *x_in = data(x), *y_in = data(out);
  const float *m = mean.data_ptr<float>(), *d = deviation.data_ptr<float>(), *w = weight.data_ptr<float>();
  const float *slope = factor.data_ptr<float>(), *offset = shift.data_ptr<float>();
  // Nothing flows back where the result was cut off, at either end, or dropped.
  const __m512 scale = _mm512_set1_ps(1.0 / (1.0 - dropout)), most = _mm512_set1_ps(limit);
  const auto passed = [&](int64_t row, int64_t u) {
    const int64_t at = row * n + u;
    const __m512 v = _mm512_fmadd_ps(load_bf16(x_in + at), _mm512_loadu_ps(slope + u), _mm512_loadu_ps(offset + u));
    const __mmask16 open = _mm512_cmp_ps_mask(load_bf16(y_in + at), _mm512_setzero_ps(), _CMP_GT_OQ) &
                           _mm512_cmp_ps_mask(v, most, _CMP_LT_OQ);
    return _mm512_maskz_mul_ps(open, load_bf16(g_in + at), scale);
  };
  Tensor d_bias = at::zeros({n}, at::kDouble), d_weight = at::zeros({n}, at::kDouble);
  double *db = d_bias.data_ptr<double>(), *dw = d_weight.data_ptr<double>();
  Buffer<float> sums(2 * n);
  for (int64_t start = 0; start < rows; start += 512) {
    std::memset(static_cast<float*>(sums), 0, 2 * n * 4);
    for (int64_t row = start; row < std::min(rows, start + 512); ++row)
      for (int64_t u = 0; u < n; u += 16) {
        const __m512 g = passed(row, u);
        const __m512 hat = _mm512_mul_ps(_mm512_sub_ps(load_bf16(x_in + row * n + u), _mm512_loadu_ps(m + u)),
                                         _mm512_loadu_ps(d + u));
        _mm512_store_ps(sums + u, _mm512_add_ps(_mm512_load_ps(sums + u), g));
        _mm512_store_ps(sums + n + u, _mm512_fmadd_ps(g, hat, _mm512_load_ps(sums + n + u)));
      }
    for (int64_t u = 0; u < n; ++u) {
      db[u] += sums[u];
      dw[u] += sums[n + u];
    }
  }
  // dx = w d (g - mean(g) - hat mean(g hat)), hat = (x - m) d.
  Buffer<float> a(n), b(n), e(n);
  for (int64_t u = 0; u < n; ++u) {
    const double mean_g = db[u] / rows, mean_gh = dw[u] / rows;
    a[u] = w[u] * d[u];
    b[u] = -w[u] * d[u] * d[u] * mean_gh;
    e[u] = -w[u] * d[u] * mean_g - b[u] * m[u];
  }
  Tensor d_x = at::empty_like(x);
  bf16* result = mutable_data(d_x);
  at::parallel_for(0, rows, 2048, [&](int64_t first, int64_t last) {
    for (int64_t row = first; row < last; ++row)
      for (int64_t u = 0; u < n; u += 16) {
        const __m512 straight = _mm512_fmadd_ps(passed(row, u), _mm512_load_ps(a + u), _mm512_load_ps(e + u));
        store_bf16(result + row * n + u,
                   _mm512_fmadd_ps(load_bf16(x_in + row * n + u), _mm512_load_ps(b + u), straight));
      }
  });
  return {d_x, d_weight.to(at::kFloat), d_bias.to(at::kFloat)};
}

// x, bfloat16, with a share of it zero and the rest larger to make up for it.
Tensor drop(const Tensor& x, double dropout, int64_t seed) {
  check(x, at::kBFloat16, "x");
  TORCH_CHECK(x.numel() % 16 == 0, "the width is not a multiple of 16");
  Tensor out = at::empty_like(x);
  const bf16* in = data(x);
  bf16* result = mutable_data(out);
  const __m512 scale = _mm512_set1_ps(1.0 / (1.0 - dropout));
  at::parallel_for(0, x.numel() / 16, 1 << 16, [&](int64_t first, int64_t last) {
    Dice dice(seed, first, dropout);
    for (int64_t i = 16 * first; i < 16 * last; i += 16)
      store_bf16(result + i, _mm512_maskz_mul_ps(dice.keep(), load_bf16(in + i), scale));
  });
  return out;
}

// CTC of clips one after the other. logits: float32 (frames, n_labels), the blank last; n_frames,
// n_targets: int64 (clips,); targets: int64, all of them. Returns the loss of each clip, float32, and
// its gradient with respect to the logits. A clip that cannot be spelled in its frames has loss 0 and
// no gradient.
std::vector<Tensor> ctc(const Tensor& logits, const Tensor& n_frames, const Tensor& targets, const Tensor& n_targets) {
  check(logits, at::kFloat, "logits");
  check(targets, at::kLong, "targets");
  const int64_t clips = n_frames.size(0), width = logits.size(1), blank = width - 1;
  Tensor losses = at::zeros({clips}, at::kFloat), grad = at::zeros_like(logits);
  const std::vector<int64_t> frame0 = starts(n_frames), target0 = starts(n_targets);
  const int64_t* labels = targets.data_ptr<int64_t>();
  TORCH_CHECK(frame0[clips] == logits.size(0) && target0[clips] == targets.size(0), "sizes do not fit");
  const float* in = logits.data_ptr<float>();
  float *out = grad.data_ptr<float>(), *loss = losses.data_ptr<float>();
  at::parallel_for(0, clips, 1, [&](int64_t first, int64_t last) {
    for (int64_t clip = first; clip < last; ++clip) {
      const int64_t time = frame0[clip + 1] - frame0[clip], count = target0[clip + 1] - target0[clip];
      const int64_t states = 2 * count + 1;
      const int64_t* label = labels + target0[clip];
      const float* x = in + frame0[clip] * width;
      float* g = out + frame0[clip] * width;
      if (count == 0 || time == 0) continue;
      std::vector<float> p(time * width);
      for (int64_t t = 0; t < time; ++t) softmax(x + t * width, width, p.data() + t * width);
      // Two zeros before the first state and after the last: no special cases at the ends.
      std::vector<double> alpha(time * (states + 2), 0.0), beta(states + 4, 0.0), weighted(states + 4, 0.0);
      std::vector<double> emission(states), may_skip(states, 0.0), gamma(width);
      for (int64_t i = 1; i < count; ++i) may_skip[2 * i + 1] = label[i] != label[i - 1];
      double log_likelihood = 0;
      bool possible = true;
      for (int64_t t = 0; t < time && possible; ++t) {
        double* now = alpha.data() + t * (states + 2) + 2;
        const double* old = now - (states + 2);
        const float* row = p.data() + t * width;
        for (int64_t i = 0; i < count; ++i) {
          emission[2 * i] = row[blank];
          emission[2 * i + 1] = row[label[i]];
        }
        emission[states - 1] = row[blank];
        double sum = 0;
        if (t == 0) {
          now[0] = emission[0];
          now[1] = emission[1];
          sum = now[0] + now[1];
        } else {
          const int64_t from = std::max<int64_t>(0, states - 2 * (time - t));
          const int64_t to = std::min(states, 2 * t + 2);
          for (int64_t s = from; s < to; ++s)
            now[s] = (old[s] + old[s - 1] + may_skip[s] * old[s - 2]) * emission[s];
          for (int64_t s = from; s < to; ++s) sum += now[s];
        }
        if (!(sum > 1e-300)) {
          possible = false;
          break;
        }
        const double factor = 1.0 / sum;
        for (int64_t s = 0; s < states; ++s) now[s] *= factor;
        log_likelihood += std::log(sum);
      }
      const double* end = alpha.data() + (time - 1) * (states + 2) + 2;
      const double finish = possible ? end[states - 1] + end[states - 2] : 0.0;
      if (!(finish > 1e-300)) continue;
      loss[clip] = -(log_likelihood + std::log(finish));
      beta[states - 1] = beta[states - 2] = 1.0;
      for (int64_t t = time - 1; t >= 0; --t) {
        const float* row = p.data() + t * width;
        const double* now = alpha.data() + t * (states + 2) + 2;
        std::fill(gamma.begin(), gamma.end(), 0.0);
        double total = 0, blanks = 0;
        for (int64_t s = 0; s < states; s += 2) blanks += now[s] * beta[s];
        for (int64_t i = 0; i < count; ++i) {
          const double both = now[2 * i + 1] * beta[2 * i + 1];
          gamma[label[i]] += both;
          total += both;
        }
        gamma[blank] += blanks;
        total += blanks;
        const double factor = total > 0 ? 1.0 / total : 0.0;
        for (int64_t k = 0; k < width; ++k)
          g[t * width + k] = factor > 0 ? row[k] - static_cast<float>(gamma[k] * factor) : 0.0f;
        for (int64_t i = 0; i < count; ++i) {
          weighted[2 * i] = beta[2 * i] * row[blank];
          weighted[2 * i + 1] = beta[2 * i + 1] * row[label[i]];
        }
        weighted[states - 1] = beta[states - 1] * row[blank];
        double sum = 0;
        for (int64_t s = 0; s < states - 2; ++s)
          beta[s] = weighted[s] + weighted[s + 1] + may_skip[s + 2] * weighted[s + 2];
        if (states >= 2) beta[states - 2] = weighted[states - 2] + weighted[states - 1];
        beta[states - 1] = weighted[states - 1];
        for (int64_t s = 0; s < states; ++s) sum += beta[s];
        const double shrink = sum > 0 ? 1.0 / sum : 0.0;
        for (int64_t s = 0; s < states; ++s) beta[s] *= shrink;
      }
    }
  });
  return {losses, grad};
}

// All sentences that clips could be, see losses.log_denominator. logits: float32 (frames, width), the blank
// last; n_frames: int64 (clips,); trigram: float32 (n, n, n). Returns the logarithm of their sum for each clip,
// float32, and its gradient with respect to the logits.
// kVectors: how many vectors of 16 hold a row of labels.
// kLeaves: whether a label has a column for each one before it: leaves, int64 (n, n - 1). Else width is n.
template <int64_t kVectors, bool kLeaves>
std::vector<Tensor> all_sentences_in(const Tensor& logits, const Tensor& n_frames, const Tensor& trigram,
                                     const Tensor& leaves) {
  check(logits, at::kFloat, "logits");
  check(trigram, at::kFloat, "trigram");
  const int64_t clips = n_frames.size(0), width = logits.size(1), n = trigram.size(0), edge = n - 1;
  constexpr int64_t row = 16 * kVectors;
  const std::vector<int64_t> frame0 = starts(n_frames);
  TORCH_CHECK(frame0[clips] == logits.size(0) && trigram.size(1) == n && trigram.size(2) == n &&
                  (kLeaves || width == n), "sizes do not fit");
  // The column of each label by the one before it, [before][label]; what is none has the blank's, which is
  // zero among the labels. free: whether a label may follow itself without a blank, [before][label].
  Buffer<int32_t> columns(n * row);
  std::vector<uint8_t> free(n * row, 0);
  if constexpr (kLeaves) {
    check(leaves, at::kLong, "leaves");
    TORCH_CHECK(leaves.size(0) == n && leaves.size(1) == edge, "sizes do not fit");
    const int64_t* leaf = leaves.data_ptr<int64_t>();
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < row; ++j) {
        columns[i * row + j] = j < edge ? leaf[i * edge + j] : width - 1;
        TORCH_CHECK(columns[i * row + j] >= 0 && columns[i * row + j] < width, "a leaf is out of range");
        if (j < edge) free[i * row + j] = leaf[i * edge + j] != leaf[j * edge + j];
      }
  }
  const int32_t* column = columns;
  // The probabilities of a frame: a row of them, and how 16 of [before][label] are read from it.
  const int64_t stride = kLeaves ? width : row;
  const auto heard = [column](const float* labels, int64_t j, int64_t k) {
    if constexpr (kLeaves)
      return _mm512_i32gather_ps(_mm512_load_si512(column + j * row + k), labels, 4);
    else
      return _mm512_load_ps(labels + k);
  };
  Tensor sums = at::zeros({clips}, at::kFloat), grad = at::empty_like(logits);
  // The table as [last][before last][next], rows padded with zeros; the end of the sentence apart, for it is no label.
  Buffer<float> table(n * n * row), ending(n * row);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      const float* from = trigram.data_ptr<float>() + (i * n + j) * n;
      std::copy(from, from + edge, table + (j * n + i) * row);
      ending[i * row + j] = from[edge];
    }
  const float *in = logits.data_ptr<float>(), *follow = table, *end = ending;
  float *out = grad.data_ptr<float>(), *sum_out = sums.data_ptr<float>();
  const int64_t size = n * row;
  int64_t longest = 0;
  for (int64_t clip = 0; clip < clips; ++clip) longest = std::max(longest, frame0[clip + 1] - frame0[clip]);
  at::parallel_for(0, clips, 1, [&](int64_t first, int64_t last) {
    Buffer<float> p(longest * stride), spoken((longest + 1) * size), paused((longest + 1) * size);
    Buffer<float> either(size), into(size), old_spoken(size), old_paused(size), arriving(size);
    std::vector<float> blank(longest), of_columns(width);
    // [before last][last]: paths that end with that label, and with a blank behind it.
    paused[edge * row + edge] = 1.0f;
    for (int64_t clip = first; clip < last; ++clip) {
      const int64_t time = frame0[clip + 1] - frame0[clip];
      const float* x = in + frame0[clip] * width;
      float* g = out + frame0[clip] * width;
      // The probabilities of the labels, zero where the edge and the padding are; the blank's apart.
      for (int64_t t = 0; t < time; ++t) {
        softmax(x + t * width, width, p + t * stride);
        blank[t] = std::exchange(p[t * stride + width - 1], 0.0f);
      }
      double log_sum = 0;
      for (int64_t t = 0; t < time; ++t) {
        const float *s0 = spoken + t * size, *b0 = paused + t * size, *labels = p + t * stride;
        float *s1 = spoken + (t + 1) * size, *b1 = paused + (t + 1) * size;
        const __m512 pause = _mm512_set1_ps(blank[t]);
        __m512 sum = _mm512_setzero_ps();
        for (int64_t at = 0; at < size; at += 16)
          _mm512_store_ps(either + at, _mm512_add_ps(_mm512_load_ps(s0 + at), _mm512_load_ps(b0 + at)));
        for (int64_t j = 0; j < n; ++j) {
          __m512 next[kVectors] = {};
          for (int64_t i = 0; i < n; ++i) {
            const __m512 share = _mm512_set1_ps(either[i * row + j]);
            for (int64_t v = 0; v < kVectors; ++v)
              next[v] = _mm512_fmadd_ps(share, _mm512_load_ps(follow + (j * n + i) * row + 16 * v), next[v]);
          }
          for (int64_t v = 0; v < kVectors; ++v) _mm512_store_ps(into + j * row + 16 * v, next[v]);
        }
        // Without a blank between them two equal columns are one.
        for (int64_t j = 0; j < edge; ++j) {
          float again = 0;
          for (int64_t i = 0; i < n; ++i) {
            const int64_t at = i * row + j;
            again += (kLeaves && free[at] ? either[at] : b0[at]) * follow[(j * n + i) * row + j];
          }
          into[j * row + j] = again;
        }
        for (int64_t j = 0; j < n; ++j)
          for (int64_t k = 0; k < row; k += 16) {
            const int64_t at = j * row + k;
            const __m512 s = _mm512_mul_ps(_mm512_add_ps(_mm512_load_ps(s0 + at), _mm512_load_ps(into + at)),
                                           heard(labels, j, k));
            const __m512 b = _mm512_mul_ps(_mm512_load_ps(either + at), pause);
            _mm512_store_ps(s1 + at, s);
            _mm512_store_ps(b1 + at, b);
            sum = _mm512_add_ps(sum, _mm512_add_ps(s, b));
          }
        const float total = std::max(_mm512_reduce_add_ps(sum), 1e-35f);
        log_sum += std::log(total);
        const __m512 factor = _mm512_set1_ps(1.0f / total);
        for (int64_t at = 0; at < size; at += 16) {
          _mm512_store_ps(s1 + at, _mm512_mul_ps(_mm512_load_ps(s1 + at), factor));
          _mm512_store_ps(b1 + at, _mm512_mul_ps(_mm512_load_ps(b1 + at), factor));
        }
      }
      double finish = 0;
      for (int64_t at = 0; at < size; ++at)
        finish += (spoken[time * size + at] + paused[time * size + at]) * end[at];
      sum_out[clip] = log_sum + std::log(finish);
      // What is still to come, from a state that ends with a label and from one with a blank.
      std::memcpy(static_cast<float*>(old_spoken), end, size * 4);
      std::memcpy(static_cast<float*>(old_paused), end, size * 4);
      for (int64_t t = time - 1; t >= 0; --t) {
        const float *s1 = spoken + (t + 1) * size, *b1 = paused + (t + 1) * size, *labels = p + t * stride;
        alignas(64) float gamma[row] = {}, both[row];
        if constexpr (kLeaves) std::fill(of_columns.begin(), of_columns.end(), 0.0f);
        __m512 in_blank = _mm512_setzero_ps();
        for (int64_t j = 0; j < n; ++j)
          for (int64_t k = 0; k < row; k += 16) {
            const int64_t at = j * row + k;
            const __m512 s = _mm512_mul_ps(_mm512_load_ps(s1 + at), _mm512_load_ps(old_spoken + at));
            _mm512_store_ps(gamma + k, _mm512_add_ps(_mm512_load_ps(gamma + k), s));
            in_blank = _mm512_fmadd_ps(_mm512_load_ps(b1 + at), _mm512_load_ps(old_paused + at), in_blank);
            _mm512_store_ps(arriving + at, _mm512_mul_ps(_mm512_load_ps(old_spoken + at), heard(labels, j, k)));
            if constexpr (kLeaves) {
              _mm512_store_ps(both, s);
              for (int64_t lane = 0; lane < 16; ++lane) of_columns[column[at + lane]] += both[lane];
            }
          }
        const float* found = kLeaves ? of_columns.data() : gamma;
        const float blanks = _mm512_reduce_add_ps(in_blank);
        float total = blanks;
        for (int64_t k = 0; k < edge; ++k) total += gamma[k];
        const float factor = total > 0 ? 1.0f / total : 0.0f;
        for (int64_t k = 0; k < width - 1; ++k)
          g[t * width + k] = factor > 0 ? found[k] * factor - labels[k] : 0.0f;
        g[t * width + width - 1] = factor > 0 ? blanks * factor - blank[t] : 0.0f;
        double sum = 0;
        for (int64_t j = 0; j < n; ++j) {
          __m512 q[kVectors];
          for (int64_t v = 0; v < kVectors; ++v) q[v] = _mm512_load_ps(arriving + j * row + 16 * v);
          for (int64_t i = 0; i < n; ++i) {
            const float* next = follow + (j * n + i) * row;
            __m512 onward = _mm512_setzero_ps();
            for (int64_t v = 0; v < kVectors; ++v)
              onward = _mm512_fmadd_ps(_mm512_load_ps(next + 16 * v), q[v], onward);
            const float any = _mm512_reduce_add_ps(onward);
            const int64_t at = i * row + j;
            const float pause = blank[t] * old_paused[at];
            const bool apart = j < edge && !(kLeaves && free[at]);
            const float repeated = apart ? next[j] * arriving[j * row + j] : 0.0f;
            old_paused[at] = pause + any;
            old_spoken[at] = pause + std::max(any - repeated, 0.0f) + arriving[at];
            sum += old_paused[at] + old_spoken[at];
          }
        }
        const float shrink = sum > 0 ? 1.0 / sum : 0.0;
        for (int64_t at = 0; at < size; ++at) {
          old_spoken[at] *= shrink;
          old_paused[at] *= shrink;
        }
      }
    }
  });
  return {sums, grad};
}

template <bool kLeaves>
std::vector<Tensor> sentences_in(const Tensor& logits, const Tensor& n_frames, const Tensor& trigram,
                                 const Tensor& leaves) {
  switch ((trigram.size(0) + 15) / 16) {
    case 1: return all_sentences_in<1, kLeaves>(logits, n_frames, trigram, leaves);
    case 2: return all_sentences_in<2, kLeaves>(logits, n_frames, trigram, leaves);
    case 3: return all_sentences_in<3, kLeaves>(logits, n_frames, trigram, leaves);
    case 4: return all_sentences_in<4, kLeaves>(logits, n_frames, trigram, leaves);
    default: TORCH_CHECK(false, "more than 64 labels");
  }
}

std::vector<Tensor> all_sentences(const Tensor& logits, const Tensor& n_frames, const Tensor& trigram) {
  return sentences_in<false>(logits, n_frames, trigram, trigram);
}

std::vector<Tensor> all_leaves(const Tensor& logits, const Tensor& n_frames, const Tensor& trigram,
                               const Tensor& leaves) {
  return sentences_in<true>(logits, n_frames, trigram, leaves);
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("begin", &begin);
  m.def("lstm_forward", &lstm_forward, pybind11::call_guard<pybind11::gil_scoped_release>());
  m.def("lstm_backward", &lstm_backward, pybind11::call_guard<pybind11::gil_scoped_release>());
  m.def("norm_forward", &norm_forward, pybind11::call_guard<pybind11::gil_scoped_release>());
  m.def("norm_backward", &norm_backward, pybind11::call_guard<pybind11::gil_scoped_release>());
  m.def("drop", &drop, pybind11::call_guard<pybind11::gil_scoped_release>());
  m.def("all_sentences", &all_sentences, pybind11::call_guard<pybind11::gil_scoped_release>());
  m.def("all_leaves", &all_leaves, pybind11::call_guard<pybind11::gil_scoped_release>());
  m.def("ctc", &ctc, pybind11::call_guard<pybind11::gil_scoped_release>());
}
