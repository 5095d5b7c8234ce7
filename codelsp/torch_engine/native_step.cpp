// A forward pass through a model of the Llama kind on a CPU, all layers in one call.
//
// At one token a time a CPU reads every weight once and multiplies it with almost nothing, so what
// counts is to read few bytes, in order, with nothing in between.  Weights are 8-bit integers with
// a scale for each row, bfloat16, or floats; inputs of 8-bit weights are rounded to 16 bits or a
// little less, so that only the weights' rounding is felt.  At a few tokens a time what counts is
// that the arithmetic takes no longer than the reading.
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
typedef int16_t Shorts __attribute__((vector_size(16)));
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

struct Matrix {  // (n_out, n_in), rows one after another; 8 bits lie as `int8_tile` reads them
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

constexpr int kOutsAtOnce = 32;      // Of one piece of work, or more, where
constexpr int kMostOutsAtOnce = 1024;  // a matrix has many.
constexpr int kPieces = 8;           // Of a matrix, if they are not too small then.
constexpr int kTile = 16;            // Rows of 8-bit weights that lie side by side.
constexpr int kInputsAtOnce = 4;     // Of a tile: a line of it.
constexpr int kAhead = 4096;         // Bytes from what is multiplied to what is fetched meanwhile.
constexpr int kLine = 64;            // Bytes that are fetched together.
constexpr int kFloatsOfLine = kLine / sizeof(float);
constexpr int kTokensAhead = 16;     // Whose keys are fetched meanwhile.

// What is read once, and soon over, ends before the processor has seen where it leads; told where
// to read on, it is twice as fast.  An address behind the last one is allowed.
inline void fetch(const void* from) {
#if defined(__GNUC__)
  __builtin_prefetch(from);
#endif
}

struct Inputs {
  const float* floats;    // (n_rows, n_in)
  const int16_t* shorts;  // The same in integers, rows of `stride`, zeros behind the last.
  const float* scales;    // What one integer is worth, for each row.
  int n_rows, n_in, stride;
};

constexpr int n_lines(int n_in) { return (n_in + kInputsAtOnce - 1) / kInputsAtOnce; }

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

inline __m256i twice(const int16_t* pair) {
  int32_t both;
  std::memcpy(&both, pair, sizeof both);
  return _mm256_set1_epi32(both);
}
#endif

// The dot products of a tile of weights and `n_rows` rows of inputs.
//
// A line of a tile holds the weights of four inputs: of the first two, then of the next two, bytes
// of eight rows and of eight more in turn.  So bytes become 16 bits wide by shifts, without a lane
// to be crossed, one pair of inputs goes with all of them, and no lanes are to be added at the end.
template <int n_rows>
void int8_tile(const int8_t* tile, const int16_t* inputs, int n_in, int stride,
               Ints (&sums)[n_rows][2]) {
  int count = n_lines(n_in);
#if defined(__AVX2__)
  __m256i low[n_rows], high[n_rows];
  for (int row = 0; row < n_rows; ++row) low[row] = high[row] = _mm256_setzero_si256();
  for (int line = 0; line < count; ++line, tile += kLine, inputs += kInputsAtOnce) {
    fetch(tile + kAhead);
    for (int half = 0; half < 2; ++half) {
      __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(tile) + half);
      __m256i even = _mm256_srai_epi16(_mm256_slli_epi16(both, 8), 8);
      __m256i odd = _mm256_srai_epi16(both, 8);
      for (int row = 0; row < n_rows; ++row) {
        __m256i input = twice(inputs + (size_t)row * stride + 2 * half);
        low[row] = add_products(low[row], even, input);
        high[row] = add_products(high[row], odd, input);
      }
    }
  }
  for (int row = 0; row < n_rows; ++row) {
    sums[row][0] = (Ints)low[row];
    sums[row][1] = (Ints)high[row];
  }
#else
  for (auto& both : sums) both[0] = both[1] = Ints{};
  for (int line = 0; line < count; ++line, tile += kLine, inputs += kInputsAtOnce)
    for (int row = 0; row < n_rows; ++row)
      for (int input = 0; input < kInputsAtOnce; ++input) {
        int32_t value = inputs[(size_t)row * stride + input];
        const int8_t* bytes = tile + input / 2 * (kLine / 2) + input % 2 * 2;
        for (int lane = 0; lane < kLanes; ++lane) {
          sums[row][0][lane] += value * bytes[4 * lane];
          sums[row][1][lane] += value * bytes[4 * lane + 1];
        }
      }
#endif
}

template <int n_rows>
void int8_rows(const Matrix& matrix, const Inputs& inputs, int out, int row, float* outputs) {
  const int8_t* tile = static_cast<const int8_t*>(matrix.weights) +
                       (size_t)out * n_lines(matrix.n_in) * kInputsAtOnce;
  Ints sums[n_rows][2];
  int8_tile<n_rows>(tile, inputs.shorts + (size_t)row * inputs.stride, matrix.n_in, inputs.stride,
                    sums);
  int count = std::min(kTile, matrix.n_out - out);
  float scales[kTile] = {}, biases[kTile] = {}, products[kTile];
  std::memcpy(scales, matrix.scales + out, count * sizeof(float));
  if (matrix.bias) std::memcpy(biases, matrix.bias + out, count * sizeof(float));
  for (int each = 0; each < n_rows; ++each) {
    for (int half = 0; half < 2; ++half) {
      int place = half * kLanes;
      Floats sum = __builtin_convertvector(sums[each][half], Floats);
      Floats value = sum * (load(scales + place) * inputs.scales[row + each]);
      store(products + place, matrix.bias ? value + load(biases + place) : value);
    }
    std::memcpy(outputs + (size_t)(row + each) * matrix.n_out + out, products,
                count * sizeof(float));
  }
}

void int8_piece(const Matrix& matrix, const Inputs& inputs, int out, int end, float* outputs) {
  for (; out < end; out += kTile) {
    int row = 0;
    for (; row + 4 <= inputs.n_rows; row += 4) int8_rows<4>(matrix, inputs, out, row, outputs);
    int rest = inputs.n_rows - row;
    if (rest == 3) int8_rows<3>(matrix, inputs, out, row, outputs);
    if (rest == 2) int8_rows<2>(matrix, inputs, out, row, outputs);
    if (rest == 1) int8_rows<1>(matrix, inputs, out, row, outputs);
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
  const float* floats = inputs.floats + (size_t)row * matrix.n_in;
  float sums[n_outs][n_rows];
  if (matrix.kind == kBfloat16) {
    float_block<n_outs, n_rows>(static_cast<const uint16_t*>(matrix.weights) + first, floats,
                                matrix.n_in, sums);
  } else {
    float_block<n_outs, n_rows>(static_cast<const float*>(matrix.weights) + first, floats,
                                matrix.n_in, sums);
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
  if (matrix.kind == kInt8) {
    int8_piece(matrix, inputs, out, end, outputs);
    return;
  }
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
constexpr int kRowsAtOnce = 4;     // That look at keys together.

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
    stride_ = n_lines(widest) * kInputsAtOnce;
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
    place = 0;
    for (; place + kLanes <= width; place += kLanes) {
      Floats value = (load(from + place) - mean) * scale;
      if (norm.weight) value *= load(norm.weight + place);
      if (norm.bias) value += load(norm.bias + place);
      store(to + place, value);
    }
    for (; place < width; ++place) {
      float value = (from[place] - mean) * scale;
      if (norm.weight) value *= norm.weight[place];
      if (norm.bias) value += norm.bias[place];
      to[place] = value;
    }
  }

  // `outputs`: (n_rows, n_out)
  void product(const Matrix& matrix, const float* from, int n_rows, float* outputs) {
    if (matrix.kind == kInt8) shorten(from, n_rows, matrix.n_in);
    Inputs inputs{from, shorts_.data(), scales_.data(), n_rows, matrix.n_in, stride_};
    int at_once = std::min(std::max(matrix.n_out / kPieces, kOutsAtOnce), kMostOutsAtOnce);
    at_once = at_once / kOutsAtOnce * kOutsAtOnce;
    team_.share((matrix.n_out + at_once - 1) / at_once, [&](int piece) {
      int out = piece * at_once;
      product_piece(matrix, inputs, out, std::min(out + at_once, matrix.n_out), outputs);
    });
  }

  // Rounds inputs to integers so large that no sum of products can overflow 32 bits.
  void shorten(const float* from, int n_rows, int n_in) {
    float most = (float)std::min<int64_t>(
        32767, std::numeric_limits<int32_t>::max() / (127 * (int64_t)n_in));
    int padded = n_lines(n_in) * kInputsAtOnce;
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
      if (bad != 0.0f) {
        std::memset(shorts, 0, padded * sizeof(int16_t));
        scales_[row] = std::numeric_limits<float>::quiet_NaN();
        continue;
      }
      float inverse = most / top;
      scales_[row] = top / most;
      for (place = 0; place + kLanes <= n_in; place += kLanes) {
        Shorts whole = __builtin_convertvector(rounded(load(inputs + place) * inverse), Shorts);
        std::memcpy(shorts + place, &whole, sizeof whole);
      }
      for (; place < padded; ++place)
        shorts[place] = place < n_in ? (int16_t)rounded(all(inputs[place] * inverse))[0] : 0;
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

  // Rows are taken a few at a time: those look at the same keys while these are near.
  void attend(int index) {
    int n_groups = (n_rows_ + kRowsAtOnce - 1) / kRowsAtOnce;
    auto work = [&](int piece) {
      int first = piece / model_.n_kv_heads * kRowsAtOnce;
      attend_rows(index, first, std::min(kRowsAtOnce, n_rows_ - first), piece % model_.n_kv_heads);
    };
    int n_pieces = n_groups * model_.n_kv_heads;
    // A short text is read faster than another thread is there.
    if ((int64_t)n_rows_ * model_.n_kv_heads * call_.start < 256) {
      for (int piece = 0; piece < n_pieces; ++piece) work(piece);
    } else {
      team_.share(n_pieces, work);
    }
  }

  // Of some rows, the queries that share a key head: what they score, and what they have seen.
  struct Gaze {
    const float* queries;  // (n, head_dim)
    float* scores;         // (n, stride)
    float* seen;           // (n, head_dim)
    int n, stride;
  };

  // Lets the queries of some rows that share the key head `kv_head` look at all tokens up to them.
  void attend_rows(int index, int first, int n_rows, int kv_head) {
    int head_dim = model_.head_dim, group = model_.n_heads / model_.n_kv_heads;
    int n_trunk = call_.n_trunk, n_queries = n_rows * group;
    int n_most = call_.start + call_.time, stride = (n_most + kLanes - 1) / kLanes * kLanes;
    thread_local std::vector<float> queries, scores, seen;
    queries.resize((size_t)n_queries * head_dim);
    scores.resize((size_t)n_queries * stride);
    seen.assign((size_t)n_queries * head_dim, 0.0f);
    size_t row_floats = (size_t)group * head_dim;
    int width = (model_.n_heads + 2 * model_.n_kv_heads) * head_dim;
    for (int row = 0; row < n_rows; ++row)
      std::memcpy(queries.data() + row * row_floats,
                  at(qkv_, first + row, width) + kv_head * row_floats, row_floats * sizeof(float));
    auto gaze = [&](int row, int count, int token) {
      return Gaze{queries.data() + row * row_floats,
                  scores.data() + (size_t)row * group * stride + token,
                  seen.data() + row * row_floats, count * group, stride};
    };
    size_t trunk = (size_t)kv_head * call_.trunk_capacity * head_dim;
    if (n_trunk) compare(gaze(0, n_rows, 0), call_.trunk_keys[index] + trunk, n_trunk);
    each_own(first, n_rows, kv_head, [&](int row, int count, int from, int n, size_t place) {
      compare(gaze(row, count, n_trunk + from), call_.keys[index] + place, n);
    });
    thread_local std::vector<float> totals;
    totals.resize(n_queries);
    for (int query = 0; query < n_queries; ++query) {
      int n_tokens = call_.start + (first + query / group) % call_.time + 1;
      totals[query] = softened(scores.data() + (size_t)query * stride, n_tokens, stride);
    }
    if (n_trunk) weigh(gaze(0, n_rows, 0), call_.trunk_values[index] + trunk, n_trunk);
    each_own(first, n_rows, kv_head, [&](int row, int count, int from, int n, size_t place) {
      weigh(gaze(row, count, n_trunk + from), call_.values[index] + place, n);
    });
    for (int query = 0; query < n_queries; ++query) {
      float scale = 1.0f / totals[query];
      const float* from = seen.data() + (size_t)query * head_dim;
      float* to = at(seen_, first + query / group, model_.n_heads * head_dim) +
                  kv_head * row_floats + (size_t)(query % group) * head_dim;
      for (int place = 0; place < head_dim; ++place) to[place] = from[place] * scale;
    }
  }

  // Calls `work(row, count, from, n, place)`: `count` rows from `row` look at `n` tokens from `from`
  // on, which are at `place` in the buffers.  Rows of one text share all that the first one sees.
  template <typename Work>
  void each_own(int first, int n_rows, int kv_head, const Work& work) {
    int n_before = call_.start - call_.n_trunk;
    for (int row = 0; row < n_rows;) {
      int batch = (first + row) / call_.time, time = (first + row) % call_.time;
      int count = std::min(n_rows - row, call_.time - time), n_shared = n_before + time + 1;
      work(row, count, 0, n_shared, place_of(batch, kv_head, 0));
      for (int later = 1; later < count; ++later)
        work(row + later, 1, n_shared, later, place_of(batch, kv_head, n_shared));
      row += count;
    }
  }

  // Scores `n_tokens` keys for each query.
  void compare(const Gaze& gaze, const float* keys, int n_tokens) {
    if (model_.head_dim == 64) {
      compare_of<64>(gaze, keys, n_tokens);
    } else if (model_.head_dim == 128) {
      compare_of<128>(gaze, keys, n_tokens);
    } else {
      compare_of<0>(gaze, keys, n_tokens);
    }
  }

  // `dim`: of a head, 0 if it is not known before.
  template <int dim>
  void compare_of(const Gaze& gaze, const float* keys, int n_tokens) {
    int head_dim = dim ? dim : model_.head_dim;
    for (int token = 0; token < n_tokens; ++token) {
      const float* key = keys + (size_t)token * head_dim;
      for (int place = 0; place < head_dim; place += kFloatsOfLine)
        fetch(key + kTokensAhead * head_dim + place);
      int query = 0;
      for (; query + 4 <= gaze.n; query += 4) compare_some<dim, 4>(gaze, query, key, token);
      if (gaze.n - query == 3) compare_some<dim, 3>(gaze, query, key, token);
      if (gaze.n - query == 2) compare_some<dim, 2>(gaze, query, key, token);
      if (gaze.n - query == 1) compare_some<dim, 1>(gaze, query, key, token);
    }
  }

  template <int dim, int count>
  void compare_some(const Gaze& gaze, int query, const float* key, int token) {
    int head_dim = dim ? dim : model_.head_dim;
    Floats products[4] = {};
    float sums[4];
    for (int each = 0; each < count; ++each)
      products[each] =
          products_of<dim>(gaze.queries + (size_t)(query + each) * head_dim, key, head_dim);
    sums_of_four(products, sums);
    for (int each = 0; each < count; ++each)
      gaze.scores[(size_t)(query + each) * gaze.stride + token] =
          sums[each] * model_.attention_scale;
  }

  template <int dim>
  static Floats products_of(const float* query, const float* key, int of_head) {
    int head_dim = dim ? dim : of_head;
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

  // Adds values, each by its weight, to what each query has seen; so few tokens at a time that
  // they stay near until the last query has had them.
  void weigh(const Gaze& gaze, const float* values, int n_tokens) {
    int head_dim = model_.head_dim;
    for (int first = 0; first < n_tokens; first += kTokensAtOnce) {
      int count = std::min(kTokensAtOnce, n_tokens - first);
      const float* part = values + (size_t)first * head_dim;
      const float* next = part + (size_t)kTokensAtOnce * head_dim;
      int ahead = kTokensAtOnce * head_dim / gaze.n;
      for (int query = 0; query < gaze.n; ++query) {
        // The tokens after these come near while the queries are busy with these.
        for (int place = query * ahead; place < (query + 1) * ahead; place += kFloatsOfLine)
          fetch(next + place);
        const float* weights = gaze.scores + (size_t)query * gaze.stride + first;
        float* to = gaze.seen + (size_t)query * head_dim;
        int place = 0;
        for (; place + 8 * kLanes <= head_dim; place += 8 * kLanes)
          weigh_lanes<8>(part + place, weights, count, to + place);
        for (; place < head_dim; place += kLanes)
          weigh_lanes<1>(part + place, weights, count, to + place);
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
    int place = 0;
    for (; place + kLanes <= model_.width; place += kLanes)
      store(to + place, multiply_add(all(model_.residual), load(from + place), load(to + place)));
    for (; place < model_.width; ++place) to[place] += model_.residual * from[place];
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

// ---------------------------------------------------------------------------------------------
// What the scores say

bool any_above(Floats values, float least) {
  Ints above = values > all(least);
#if defined(__AVX2__)
  return _mm256_movemask_ps((__m256)above) != 0;
#else
  int32_t some = 0;
  for (int lane = 0; lane < kLanes; ++lane) some |= above[lane];
  return some != 0;
#endif
}

// Finds the `k` highest of `n` scores, best first, of equals the first one first.
void list_best(const float* scores, int n, int k, float* best, int64_t* places) {
  int held = 0;
  auto insert = [&](int place) {
    float score = scores[place];
    int rank = held < k ? held++ : k - 1;
    for (; rank > 0 && score > best[rank - 1]; --rank) {
      best[rank] = best[rank - 1];
      places[rank] = places[rank - 1];
    }
    best[rank] = score;
    places[rank] = place;
  };
  int place = 0;
  for (; place < k; ++place) insert(place);
  for (; place + kLanes <= n; place += kLanes) {
    if (!any_above(load(scores + place), best[k - 1])) continue;
    for (int lane = 0; lane < kLanes; ++lane)
      if (scores[place + lane] > best[k - 1]) insert(place + lane);
  }
  for (; place < n; ++place)
    if (scores[place] > best[k - 1]) insert(place);
}

// The logarithm of the sum of all exponentials; NaN if there is one.
double log_total(const float* scores, int n, float top) {
  constexpr int kOfPart = 256;  // So few that a sum in 32 bits loses nothing that counts.
  double total = 0.0;
  int place = 0;
  float poison = 0.0f;
  while (place + kLanes <= n) {
    Floats part = {}, bad = {};
    for (int count = 0; count < kOfPart && place + kLanes <= n; ++count, place += kLanes) {
      Floats value = load(scores + place) - top;
      bad += value != value ? value : all(0.0f);
      part += exponential(value);
    }
    total += sum(part);
    poison += sum(bad);
  }
  for (; place < n; ++place) {
    float value = scores[place] - top;
    if (value != value) poison = value;
    total += exponential(value);
  }
  return (double)top + std::log(total) + poison;
}

}  // namespace

extern "C" {

// For each row of `scores`, (n_rows, n): its `k` best and their places, (n_rows, k) both, and the
// logarithm of the sum of the exponentials of all.
void codelsp_best(const float* scores, int32_t n_rows, int32_t n, int32_t k, float* best,
                  int64_t* places, double* log_totals) {
  for (int row = 0; row < n_rows; ++row) {
    const float* of_row = scores + (size_t)row * n;
    list_best(of_row, n, k, best + (size_t)row * k, places + (size_t)row * k);
    log_totals[row] = log_total(of_row, n, best[(size_t)row * k]);
  }
}

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
