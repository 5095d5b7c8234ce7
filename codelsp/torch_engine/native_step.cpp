// A forward pass through a model of the Llama kind on a CPU, all layers in one call.
//
// At one token a time a CPU reads every weight once and multiplies it with almost nothing, so what
// counts is to read few bytes, in order, with nothing in between.  Weights are 8-bit integers with
// a scale for each row, bfloat16, or floats; inputs of 8-bit weights are rounded to 16 bits or a
// little less, so that only the weights' rounding is felt.
//
// Every row is computed in the same order of operations however many there are, so a token read
// alone and the same token read within a draft or a batch have the same scores to the last bit.
//
// `native_build.py` compiles this for the processor it is to run on, `native_runner.py` calls it;
// the structures here and there are the same.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace {

typedef float Floats __attribute__((vector_size(32)));
typedef int32_t Ints __attribute__((vector_size(32)));
typedef uint16_t Halves __attribute__((vector_size(16)));
constexpr int kLanes = 8;

enum Kind : int32_t { kFloat32 = 0, kBfloat16 = 1, kInt8 = 2 };
enum Gate : int32_t { kSilu = 0, kGelu = 1, kGeluTanh = 2 };

Floats load(const float* from) {
  Floats value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

void store(float* to, Floats value) { std::memcpy(to, &value, sizeof value); }

Floats all(float value) { return Floats{} + value; }

float sum(Floats v) {
  return ((v[0] + v[4]) + (v[1] + v[5])) + ((v[2] + v[6]) + (v[3] + v[7]));
}

// The sums of four, each in the same order.
void sums_of_four(const Floats (&v)[4], float (&sums)[4]) {
#if defined(__AVX2__)
  __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps((__m256)v[0], (__m256)v[1]),
                                _mm256_hadd_ps((__m256)v[2], (__m256)v[3]));
  _mm_storeu_ps(sums, _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1)));
#else
  for (int each = 0; each < 4; ++each) sums[each] = sum(v[each]);
#endif
}

Floats multiply_add(Floats a, Floats b, Floats c) {
#if defined(__FMA__)
  return (Floats)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

// Rounds to the nearest integer; for values of less than four million.
constexpr float kRounder = 12582912.0f;  // 1.5 * 2^23: adding it leaves no bits for a fraction.

Ints rounded(Floats value) {
  Floats shifted = value + kRounder;
  Ints bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  return bits - 0x4B400000;
}

// e to the power of `x`, to about one unit in the last place; Cephes' polynomial.
Floats exponential(Floats x) {
  x = x < -87.3f ? all(-87.3f) : x;
  x = x > 88.3f ? all(88.3f) : x;
  Floats twos = (x * 1.44269504088896341f + kRounder) - kRounder;
  Floats rest = x - twos * 0.693359375f + twos * 2.12194440e-4f;
  Floats power = all(1.9875691500e-4f);
  for (float coefficient : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f,
                            1.6666665459e-1f, 5.0000001201e-1f})
    power = multiply_add(power, rest, all(coefficient));
  power = power * rest * rest + rest + 1.0f;
  Ints exponent = (rounded(twos) + 127) << 23;
  Floats scale;
  std::memcpy(&scale, &exponent, sizeof scale);
  return power * scale;
}

float exponential(float x) { return exponential(all(x))[0]; }

// ---------------------------------------------------------------------------------------------
// Threads.  Work is taken in small pieces by whoever is there, so a thread that the system has put
// aside holds nobody up unless it was in the middle of a piece.

class Team {
 public:
  explicit Team(int n_threads) {
    for (int number = 1; number < n_threads; ++number)
      threads_.emplace_back([this] { help(); });
  }

  ~Team() {
    {
      std::lock_guard<std::mutex> hold(mutex_);
      is_ending_ = true;
      is_awake_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  void wake() {
    if (threads_.empty()) return;
    {
      std::lock_guard<std::mutex> hold(mutex_);
      is_awake_ = true;
    }
    changed_.notify_all();
  }

  void rest() { is_awake_ = false; }

  // Calls `work(piece)` for each piece below `n_pieces`; returns when all are done.
  template <typename Work>
  void share(int n_pieces, const Work& work) {
    if (threads_.empty() || n_pieces < 2) {
      for (int piece = 0; piece < n_pieces; ++piece) work(piece);
      return;
    }
    call_ = [](const void* what, int piece) { (*static_cast<const Work*>(what))(piece); };
    work_ = &work;
    n_pieces_ = n_pieces;
    next_ = 0;
    is_open_ = true;
    take();
    is_open_ = false;
    // Whoever has seen it open may still be at a piece.
    while (n_inside_ != 0) pause(1);
  }

 private:
  void help() {
    while (true) {
      {
        std::unique_lock<std::mutex> hold(mutex_);
        changed_.wait(hold, [this] { return is_awake_.load(); });
      }
      if (is_ending_) return;
      for (int spins = 0; is_awake_ && !is_ending_; ++spins) {
        if (!is_open_) {
          pause(spins);
          continue;
        }
        ++n_inside_;
        if (is_open_) take();
        --n_inside_;
        spins = 0;
      }
    }
  }

  void take() {
    for (int piece = next_++; piece < n_pieces_; piece = next_++) call_(work_, piece);
  }

  static void pause(int spins) {
    if (spins % 256 == 255) {
      std::this_thread::yield();
      return;
    }
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
  }

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<bool> is_awake_{false}, is_open_{false}, is_ending_{false};
  std::atomic<int> n_inside_{0}, next_{0};
  int n_pieces_ = 0;
  const void* work_ = nullptr;
  void (*call_)(const void*, int) = nullptr;
};

}  // namespace

// ---------------------------------------------------------------------------------------------
// What Python hands over.  Pointers stay Python's.

extern "C" {

struct Matrix {  // (n_out, n_in), rows one after another
  const void* weights;
  const float* scales;  // Of each row, for 8 bits.
  const float* bias;    // Or null.
  int32_t n_out, n_in;
  Kind kind;
};

struct Norm {
  const float* weight;
  const float* bias;  // Or null.
  float eps;
  int32_t subtracts_mean;
};

struct Layer {
  Matrix qkv, out, up, down;
  Norm before, between;
  const float* head_norm;  // (query heads + key heads, head_dim), or null.
};

struct Model {
  const Layer* layers;
  const float* embedding;  // (vocabulary, width)
  Matrix head;
  Norm norm;
  int32_t n_layers, width, n_heads, n_kv_heads, head_dim, hidden;
  int32_t has_gate;
  Gate gate;
  float embedding_scale, residual, logit_scale, attention_scale, head_eps;
};

}  // extern "C"

namespace {

// ---------------------------------------------------------------------------------------------
// Products

constexpr int kOutsAtOnce = 32;  // Of one piece of work.
constexpr int kChunk = 32;       // Inputs whose integers are put in the order of `int8_block`.
constexpr int kAhead = 2048;     // Bytes from what is multiplied to what is fetched meanwhile.
constexpr int kLine = 64;        // Bytes that are fetched together.

// Rows of a few hundred bytes end before the processor has seen where they lead; told where to
// read on, it is twice as fast.  An address behind the last one is allowed.
inline void fetch(const void* from) {
#if defined(__GNUC__)
  __builtin_prefetch(from);
#endif
}

struct Inputs {
  const float* floats;     // (n_rows, n_in)
  const int16_t* shorts;   // The same in integers, rows of `stride`, as `shorten` orders them.
  const float* scales;     // What one integer is worth, for each row.
  int n_rows, n_in, stride;
};

#if defined(__AVX2__)
// Adds the products of two neighbours each, 16 numbers of 16 bits, to 8 of 32 bits.
inline __m256i add_products(__m256i total, __m256i a, __m256i b) {
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
  return _mm256_dpwssd_epi32(total, a, b);
#elif defined(__AVXVNNI__)
  return _mm256_dpwssd_avx_epi32(total, a, b);
#else
  return _mm256_add_epi32(total, _mm256_madd_epi16(a, b));
#endif
}

inline __m256i whole(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}
#endif

// The dot products of `n_outs` rows of weights and `n_rows` rows of inputs.
//
// Bytes become 16 bits wide by shifts, the even ones and the odd ones for themselves: no lane has
// to be crossed for it.  So the inputs of a chunk are there in this order, too.
template <int n_outs, int n_rows>
void int8_block(const int8_t* weights, const int16_t* inputs, int n_in, int stride,
                int32_t (&sums)[n_outs][n_rows]) {
  int place = 0;
#if defined(__AVX2__)
  __m256i totals[n_outs][n_rows];
  for (auto& row : totals)
    for (auto& total : row) total = _mm256_setzero_si256();
  for (; place + kChunk <= n_in; place += kChunk) {
    for (int line = 0; line < n_outs * kChunk; line += kLine)
      fetch(weights + kAhead + (size_t)place * n_outs + line);
    for (int out = 0; out < n_outs; ++out) {
      __m256i both = whole(weights + (size_t)out * n_in + place);
      __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(both, 8), 8);
      __m256i odd = _mm256_srai_epi16(both, 8);
      for (int row = 0; row < n_rows; ++row) {
        const int16_t* input = inputs + (size_t)row * stride + place;
        totals[out][row] = add_products(totals[out][row], even, whole(input));
        totals[out][row] = add_products(totals[out][row], odd, whole(input + kChunk / 2));
      }
    }
  }
  for (int out = 0; out < n_outs; ++out)
    for (int row = 0; row < n_rows; ++row) {
      __m128i half = _mm_add_epi32(_mm256_castsi256_si128(totals[out][row]),
                                   _mm256_extracti128_si256(totals[out][row], 1));
      half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
      half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
      sums[out][row] = _mm_cvtsi128_si32(half);
    }
#else
  for (auto& row : sums)
    for (auto& total : row) total = 0;
#endif
  for (int out = 0; out < n_outs; ++out)
    for (int row = 0; row < n_rows; ++row) {
      const int8_t* weight = weights + (size_t)out * n_in;
      const int16_t* input = inputs + (size_t)row * stride;
      int32_t total = 0;
      for (int index = place; index < n_in; ++index)
        total += (int32_t)weight[index] * (int32_t)input[index];
      sums[out][row] += total;
    }
}

Floats weights_at(const float* weights) { return load(weights); }

Floats weights_at(const uint16_t* weights) {
  Halves halves;
  std::memcpy(&halves, weights, sizeof halves);
  Ints bits = __builtin_convertvector(halves, Ints) << 16;
  Floats value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

float weight_at(const float* weights) { return *weights; }

float weight_at(const uint16_t* weights) {
  uint32_t bits = (uint32_t)*weights << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <int n_outs, int n_rows, typename Weight>
void float_block(const Weight* weights, const float* inputs, int n_in,
                 float (&sums)[n_outs][n_rows]) {
  constexpr int kOfLine = kLine / sizeof(Weight);
  Floats totals[n_outs][n_rows] = {};
  int place = 0;
  for (; place + kLanes <= n_in; place += kLanes) {
    Floats row_inputs[n_rows];
    for (int row = 0; row < n_rows; ++row)
      row_inputs[row] = load(inputs + (size_t)row * n_in + place);
    if (place % kOfLine == 0)
      for (int out = 0; out < n_outs; ++out)
        fetch(weights + kAhead / sizeof(Weight) + (size_t)place * n_outs + out * kOfLine);
    for (int out = 0; out < n_outs; ++out) {
      Floats weight = weights_at(weights + (size_t)out * n_in + place);
      for (int row = 0; row < n_rows; ++row)
        totals[out][row] = multiply_add(weight, row_inputs[row], totals[out][row]);
    }
  }
  for (int out = 0; out < n_outs; ++out)
    for (int row = 0; row < n_rows; ++row) {
      float total = sum(totals[out][row]);
      for (int index = place; index < n_in; ++index)
        total += weight_at(weights + (size_t)out * n_in + index) *
                 inputs[(size_t)row * n_in + index];
      sums[out][row] = total;
    }
}

template <int n_outs, int n_rows>
void block(const Matrix& matrix, const Inputs& inputs, int out, int row, float* outputs) {
  size_t first = (size_t)out * matrix.n_in;
  float sums[n_outs][n_rows];
  if (matrix.kind == kInt8) {
    int32_t whole[n_outs][n_rows];
    int8_block<n_outs, n_rows>(static_cast<const int8_t*>(matrix.weights) + first,
                               inputs.shorts + (size_t)row * inputs.stride, matrix.n_in,
                               inputs.stride, whole);
    for (int o = 0; o < n_outs; ++o)
      for (int r = 0; r < n_rows; ++r)
        sums[o][r] = (float)whole[o][r] * (matrix.scales[out + o] * inputs.scales[row + r]);
  } else if (matrix.kind == kBfloat16) {
    float_block<n_outs, n_rows>(static_cast<const uint16_t*>(matrix.weights) + first,
                                inputs.floats + (size_t)row * matrix.n_in, matrix.n_in, sums);
  } else {
    float_block<n_outs, n_rows>(static_cast<const float*>(matrix.weights) + first,
                                inputs.floats + (size_t)row * matrix.n_in, matrix.n_in, sums);
  }
  for (int o = 0; o < n_outs; ++o)
    for (int r = 0; r < n_rows; ++r)
      outputs[(size_t)(row + r) * matrix.n_out + out + o] =
          matrix.bias ? sums[o][r] + matrix.bias[out + o] : sums[o][r];
}

// Rows by fours, then what is left of them; of so few accumulators that all are registers.
template <int n_outs>
void rows_of(const Matrix& matrix, const Inputs& inputs, int out, int end, float* outputs) {
  int row = 0;
  for (; row + 4 <= inputs.n_rows; row += 4)
    for (int each = out; each < end; each += n_outs)
      block<n_outs, 4>(matrix, inputs, each, row, outputs);
  int rest = inputs.n_rows - row;
  for (int each = out; each < end; each += n_outs) {
    if (rest == 3) block<n_outs, 3>(matrix, inputs, each, row, outputs);
    if (rest == 2) block<n_outs, 2>(matrix, inputs, each, row, outputs);
    if (rest == 1) block<n_outs, 1>(matrix, inputs, each, row, outputs);
  }
}

void product_piece(const Matrix& matrix, const Inputs& inputs, int out, int end, float* outputs) {
  if (inputs.n_rows == 1) {
    for (; out + 4 <= end; out += 4) block<4, 1>(matrix, inputs, out, 0, outputs);
  }
  int paired = out + (end - out) / 2 * 2;
  rows_of<2>(matrix, inputs, out, paired, outputs);
  rows_of<1>(matrix, inputs, paired, end, outputs);
}

// ---------------------------------------------------------------------------------------------
// One forward pass

struct Call {
  const int64_t* ids;  // (batch, time)
  int32_t batch, time;
  int32_t start;       // Tokens that the cache holds.
  int32_t capacity;    // Tokens that it has room for.
  int32_t n_last;
  const float* cos;    // (time, head_dim)
  const float* sin;    // The first half negated.
  float* const* keys;  // By layer, (batch, key heads, capacity, head_dim).
  float* const* values;
  float* logits;       // (batch, n_last, vocabulary)
  // The first tokens of all rows may be those of one text, which is then read from memory once.
  int32_t n_trunk;     // How many; `keys` begin after them.
  int32_t trunk_capacity;
  const float* const* trunk_keys;  // By layer, (key heads, trunk_capacity, head_dim).
  const float* const* trunk_values;
};

constexpr int kTokensAtOnce = 64;  // Whose values fit into the nearest cache.

class Pass {
 public:
  Pass(const Model& model, const Call& call, Team& team)
      : model_(model), call_(call), team_(team), n_rows_(call.batch * call.time) {
    int widest = std::max({model.width, model.hidden, model.n_heads * model.head_dim});
    size_t rows = n_rows_;
    rows_.resize(rows * model.width);
    normed_.resize(rows * std::max(model.width, model.hidden));
    qkv_.resize(rows * (model.n_heads + 2 * model.n_kv_heads) * model.head_dim);
    seen_.resize(rows * model.n_heads * model.head_dim);
    raised_.resize(rows * model.hidden * (model.has_gate ? 2 : 1));
    lowered_.resize(rows * std::max(model.width, model.hidden));
    stride_ = (widest + kChunk - 1) / kChunk * kChunk;
    shorts_.resize(rows * stride_);
    scales_.resize(rows);
  }

  void run() {
    embed();
    for (int index = 0; index < model_.n_layers; ++index) {
      const Layer& layer = model_.layers[index];
      for_rows([&](int row) { norm(layer.before, at(rows_, row, model_.width), row); });
      product(layer.qkv, normed_.data(), n_rows_, qkv_.data());
      for_rows([&](int row) { turn(layer, index, row); });
      attend(index);
      product(layer.out, seen_.data(), n_rows_, lowered_.data());
      for_rows([&](int row) {
        add(row);
        norm(layer.between, at(rows_, row, model_.width), row);
      });
      product(layer.up, normed_.data(), n_rows_, raised_.data());
      for_rows([&](int row) { gate(row); });
      product(layer.down, lowered_.data(), n_rows_, normed_.data());
      lowered_.swap(normed_);
      for_rows([&](int row) { add(row); });
    }
    if (call_.n_last) score();
  }

 private:
  static float* at(std::vector<float>& rows, int row, int width) {
    return rows.data() + (size_t)row * width;
  }

  // Work of a few microseconds a row is not worth another thread unless there are many rows.
  template <typename Work>
  void for_rows(const Work& work) {
    if (n_rows_ < 8) {
      for (int row = 0; row < n_rows_; ++row) work(row);
    } else {
      team_.share(n_rows_, work);
    }
  }

  void embed() {
    int width = model_.width;
    for (int row = 0; row < n_rows_; ++row) {
      const float* from = model_.embedding + (size_t)call_.ids[row] * width;
      float* to = at(rows_, row, width);
      for (int index = 0; index < width; ++index) to[index] = from[index] * model_.embedding_scale;
    }
  }

  void norm(const Norm& norm, const float* from, int row) {
    normalize(norm, from, at(normed_, row, model_.width), model_.width);
  }

  static void normalize(const Norm& norm, const float* from, float* to, int width) {
    float mean = 0;
    if (norm.subtracts_mean) {
      for (int index = 0; index < width; ++index) mean += from[index];
      mean /= (float)width;
    }
    Floats squares = {};
    int place = 0;
    for (; place + kLanes <= width; place += kLanes) {
      Floats value = load(from + place) - mean;
      squares = multiply_add(value, value, squares);
    }
    float total = sum(squares);
    for (; place < width; ++place) total += (from[place] - mean) * (from[place] - mean);
    float scale = 1.0f / std::sqrt(total / (float)width + norm.eps);
    for (int index = 0; index < width; ++index) {
      float value = (from[index] - mean) * scale;
      if (norm.weight) value *= norm.weight[index];
      to[index] = norm.bias ? value + norm.bias[index] : value;
    }
  }

  // `outputs`: (n_rows, n_out)
  void product(const Matrix& matrix, const float* from, int n_rows, float* outputs) {
    if (matrix.kind == kInt8) shorten(from, n_rows, matrix.n_in);
    Inputs inputs{from, shorts_.data(), scales_.data(), n_rows, matrix.n_in, stride_};
    int n_pieces = (matrix.n_out + kOutsAtOnce - 1) / kOutsAtOnce;
    team_.share(n_pieces, [&](int piece) {
      int out = piece * kOutsAtOnce;
      product_piece(matrix, inputs, out, std::min(out + kOutsAtOnce, matrix.n_out), outputs);
    });
  }

  // Rounds inputs to integers so large that no sum of products can overflow 32 bits.  Where
  // `int8_block` wants it so, the even ones of a chunk come first.
  void shorten(const float* from, int n_rows, int n_in) {
    float most = (float)std::min<int64_t>(
        32767, std::numeric_limits<int32_t>::max() / (127 * (int64_t)n_in));
    for (int row = 0; row < n_rows; ++row) {
      const float* inputs = from + (size_t)row * n_in;
      int16_t* shorts = shorts_.data() + (size_t)row * stride_;
      Floats largest = {}, poison = {};
      int place = 0;
      for (; place + kLanes <= n_in; place += kLanes) {
        Floats value = load(inputs + place);
        poison += value * 0.0f;  // NaN and infinity leave NaN.
        value = value < 0.0f ? -value : value;
        largest = value > largest ? value : largest;
      }
      float top = 1e-30f, bad = sum(poison);
      for (int lane = 0; lane < kLanes; ++lane) top = std::max(top, largest[lane]);
      for (; place < n_in; ++place) {
        bad += inputs[place] * 0.0f;
        top = std::max(top, std::fabs(inputs[place]));
      }
      bool is_sound = bad == 0.0f;
      float inverse = is_sound ? most / top : 0.0f;
      scales_[row] = is_sound ? top / most : std::numeric_limits<float>::quiet_NaN();
      auto put = [&](int from_place, int to_place) {
        float shifted = (is_sound ? inputs[from_place] : 0.0f) * inverse + kRounder;
        int32_t bits;
        std::memcpy(&bits, &shifted, sizeof bits);
        shorts[to_place] = (int16_t)(bits - 0x4B400000);
      };
      place = 0;
#if defined(__AVX2__)
      for (; place + kChunk <= n_in; place += kChunk) {
        for (int pair = 0; pair < kChunk / 2; ++pair) put(place + 2 * pair, place + pair);
        for (int pair = 0; pair < kChunk / 2; ++pair)
          put(place + 2 * pair + 1, place + kChunk / 2 + pair);
      }
#endif
      for (; place < n_in; ++place) put(place, place);
    }
  }

  // Norms and turns queries and keys of one row, and writes its keys and values into the cache.
  void turn(const Layer& layer, int index, int row) {
    int head_dim = model_.head_dim, half = head_dim / 2;
    int n_turned = model_.n_heads + model_.n_kv_heads;
    int width = (n_turned + model_.n_kv_heads) * head_dim;
    float* heads = at(qkv_, row, width);
    int batch = row / call_.time, time = row % call_.time;
    const float* cos = call_.cos + (size_t)time * head_dim;
    const float* sin = call_.sin + (size_t)time * head_dim;
    for (int head = 0; head < n_turned; ++head) {
      float* values = heads + (size_t)head * head_dim;
      if (layer.head_norm) {
        Norm norm{layer.head_norm + (size_t)head * head_dim, nullptr, model_.head_eps, 0};
        normalize(norm, values, values, head_dim);
      }
      for (int low = 0; low < half; ++low) {
        int high = low + half;
        float a = values[low], b = values[high];
        values[low] = a * cos[low] + b * sin[low];
        values[high] = b * cos[high] + a * sin[high];
      }
    }
    for (int head = 0; head < model_.n_kv_heads; ++head) {
      size_t place = place_of(batch, head, call_.start - call_.n_trunk + time);
      std::memcpy(call_.keys[index] + place, heads + (size_t)(model_.n_heads + head) * head_dim,
                  head_dim * sizeof(float));
      std::memcpy(call_.values[index] + place, heads + (size_t)(n_turned + head) * head_dim,
                  head_dim * sizeof(float));
    }
  }

  size_t place_of(int batch, int head, int token) const {
    size_t heads = (size_t)batch * model_.n_kv_heads + head;
    return (heads * call_.capacity + token) * model_.head_dim;
  }

  void attend(int index) {
    int n_pieces = n_rows_ * model_.n_kv_heads;
    // Rows that look at the same keys come one after another, while these are near.
    auto work = [&](int piece) { attend_head(index, piece % n_rows_, piece / n_rows_); };
    // A short text is read faster than another thread is there.
    if ((int64_t)n_pieces * call_.start < 256) {
      for (int piece = 0; piece < n_pieces; ++piece) work(piece);
    } else {
      team_.share(n_pieces, work);
    }
  }

  // Lets the queries of `row` that share the key head `kv_head` look at all tokens up to it.
  void attend_head(int index, int row, int kv_head) {
    int head_dim = model_.head_dim, group = model_.n_heads / model_.n_kv_heads;
    int batch = row / call_.time, n_trunk = call_.n_trunk;
    int n_tokens = call_.start + row % call_.time + 1;
    size_t own = place_of(batch, kv_head, 0);
    size_t trunk = (size_t)kv_head * call_.trunk_capacity * head_dim;
    int width = (model_.n_heads + 2 * model_.n_kv_heads) * head_dim;
    const float* queries = at(qkv_, row, width) + (size_t)kv_head * group * head_dim;
    float* seen = at(seen_, row, model_.n_heads * head_dim) + (size_t)kv_head * group * head_dim;
    thread_local std::vector<float> weights;
    int stride = (n_tokens + kLanes - 1) / kLanes * kLanes;
    weights.resize((size_t)group * stride);
    if (n_trunk) compare(queries, call_.trunk_keys[index] + trunk, n_trunk, weights.data(), stride);
    compare(queries, call_.keys[index] + own, n_tokens - n_trunk, weights.data() + n_trunk, stride);
    thread_local std::vector<float> totals;
    totals.resize(group);
    for (int head = 0; head < group; ++head) {
      totals[head] = softened(weights.data() + (size_t)head * stride, n_tokens, stride);
      float* to = seen + (size_t)head * head_dim;
      for (int place = 0; place < head_dim; place += kLanes) store(to + place, all(0.0f));
    }
    if (n_trunk) weigh(call_.trunk_values[index] + trunk, weights.data(), n_trunk, stride, seen);
    weigh(call_.values[index] + own, weights.data() + n_trunk, n_tokens - n_trunk, stride, seen);
    for (int head = 0; head < group; ++head) {
      float scale = 1.0f / totals[head];
      float* to = seen + (size_t)head * head_dim;
      for (int place = 0; place < head_dim; ++place) to[place] *= scale;
    }
  }

  // Scores `n_tokens` keys for each query of a group; scores of a query are `stride` apart.
  void compare(const float* queries, const float* keys, int n_tokens, float* scores, int stride) {
    int head_dim = model_.head_dim, group = model_.n_heads / model_.n_kv_heads;
    for (int token = 0; token < n_tokens; ++token) {
      const float* key = keys + (size_t)token * head_dim;
      int head = 0;
      for (; head + 4 <= group; head += 4) {
        Floats products[4];
        float sums[4];
        for (int each = 0; each < 4; ++each)
          products[each] = products_of(queries + (size_t)(head + each) * head_dim, key, head_dim);
        sums_of_four(products, sums);
        for (int each = 0; each < 4; ++each)
          scores[(size_t)(head + each) * stride + token] = sums[each] * model_.attention_scale;
      }
      for (; head < group; ++head)
        scores[(size_t)head * stride + token] =
            sum(products_of(queries + (size_t)head * head_dim, key, head_dim)) *
            model_.attention_scale;
    }
  }

  static Floats products_of(const float* query, const float* key, int head_dim) {
    Floats total = {}, more = {};
    int place = 0;
    for (; place + 2 * kLanes <= head_dim; place += 2 * kLanes) {
      total = multiply_add(load(query + place), load(key + place), total);
      more = multiply_add(load(query + place + kLanes), load(key + place + kLanes), more);
    }
    for (; place < head_dim; place += kLanes)
      total = multiply_add(load(query + place), load(key + place), total);
    return total + more;
  }

  // Turns scores into weights, not yet divided by their sum, which is returned.
  static float softened(float* scores, int n_tokens, int stride) {
    for (int token = n_tokens; token < stride; ++token)
      scores[token] = -std::numeric_limits<float>::infinity();
    Floats largest = load(scores);
    for (int place = kLanes; place < stride; place += kLanes) {
      Floats score = load(scores + place);
      largest = score > largest ? score : largest;
    }
    float top = largest[0];
    for (int lane = 1; lane < kLanes; ++lane) top = std::max(top, largest[lane]);
    Floats total = {};
    for (int place = 0; place < stride; place += kLanes) {
      Floats weight = exponential(load(scores + place) - top);
      store(scores + place, weight);
      if (place + kLanes <= n_tokens) total += weight;
    }
    float rest = sum(total);
    for (int token = n_tokens / kLanes * kLanes; token < n_tokens; ++token) rest += scores[token];
    return rest;
  }

  // Adds values, each by its weight, to what each head of a group has `seen`; so few tokens at a
  // time that they stay near until the last head has had them.
  void weigh(const float* values, const float* weights, int n_tokens, int stride, float* seen) {
    int head_dim = model_.head_dim, group = model_.n_heads / model_.n_kv_heads;
    for (int first = 0; first < n_tokens; first += kTokensAtOnce) {
      int count = std::min(kTokensAtOnce, n_tokens - first);
      const float* part = values + (size_t)first * head_dim;
      for (int head = 0; head < group; ++head) {
        const float* of_head = weights + (size_t)head * stride + first;
        float* to = seen + (size_t)head * head_dim;
        int place = 0;
        for (; place + 8 * kLanes <= head_dim; place += 8 * kLanes)
          weigh_lanes<8>(part + place, of_head, count, to + place);
        for (; place < head_dim; place += kLanes)
          weigh_lanes<1>(part + place, of_head, count, to + place);
      }
    }
  }

  template <int n>
  void weigh_lanes(const float* values, const float* weights, int n_tokens, float* seen) {
    Floats totals[n];
    for (int lane = 0; lane < n; ++lane) totals[lane] = load(seen + lane * kLanes);
    for (int token = 0; token < n_tokens; ++token) {
      Floats weight = all(weights[token]);
      const float* value = values + (size_t)token * model_.head_dim;
      for (int lane = 0; lane < n; ++lane)
        totals[lane] = multiply_add(weight, load(value + lane * kLanes), totals[lane]);
    }
    for (int lane = 0; lane < n; ++lane) store(seen + lane * kLanes, totals[lane]);
  }

  void add(int row) {
    float* to = at(rows_, row, model_.width);
    const float* from = lowered_.data() + (size_t)row * model_.width;
    for (int index = 0; index < model_.width; ++index) to[index] += model_.residual * from[index];
  }

  // From the raised row to what goes down again: (hidden).
  void gate(int row) {
    int hidden = model_.hidden;
    const float* raised = at(raised_, row, model_.has_gate ? 2 * hidden : hidden);
    float* to = at(lowered_, row, hidden);
    int place = 0;
    if (model_.gate == kSilu) {
      for (; place + kLanes <= hidden; place += kLanes) {
        Floats value = load(raised + place);
        store(to + place, value / (exponential(-value) + 1.0f));
      }
    }
    for (; place < hidden; ++place) to[place] = gated(raised[place]);
    if (model_.has_gate)
      for (int index = 0; index < hidden; ++index) to[index] *= raised[hidden + index];
  }

  float gated(float value) const {
    if (model_.gate == kSilu) return value / (exponential(-value) + 1.0f);
    if (model_.gate == kGelu) return 0.5f * value * (1.0f + std::erf(value * 0.70710678118654752f));
    float cubed = value * value * value;
    return 0.5f * value *
           (1.0f + std::tanh(0.79788456080286536f * (value + 0.044715f * cubed)));
  }

  void score() {
    int width = model_.width, n_last = call_.n_last;
    std::vector<float> last((size_t)call_.batch * n_last * width);
    for (int batch = 0; batch < call_.batch; ++batch)
      for (int number = 0; number < n_last; ++number) {
        int row = batch * call_.time + call_.time - n_last + number;
        normalize(model_.norm, at(rows_, row, width), at(last, batch * n_last + number, width),
                  width);
      }
    int n_rows = call_.batch * n_last;
    product(model_.head, last.data(), n_rows, call_.logits);
    if (model_.logit_scale != 1.0f) {
      size_t count = (size_t)n_rows * model_.head.n_out;
      for (size_t index = 0; index < count; ++index) call_.logits[index] *= model_.logit_scale;
    }
  }

  const Model& model_;
  const Call& call_;
  Team& team_;
  int n_rows_, stride_;
  std::vector<float> rows_, normed_, qkv_, seen_, raised_, lowered_, scales_;
  std::vector<int16_t> shorts_;
};

}  // namespace

extern "C" {

void* codelsp_team_new(int32_t n_threads) { return new (std::nothrow) Team(n_threads); }

void codelsp_team_free(void* team) { delete static_cast<Team*>(team); }

// Returns 0; 1 if memory ran out.
int32_t codelsp_forward(const Model* model, const Call* call, void* team) {
  Team& threads = *static_cast<Team*>(team);
  try {
    Pass pass(*model, *call, threads);
    threads.wake();
    pass.run();
  } catch (const std::bad_alloc&) {
    threads.rest();
    return 1;
  }
  threads.rest();
  return 0;
}

}  // extern "C"
