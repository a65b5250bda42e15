// Each level of the processor computes what the best one does, which the tests of its callers compare to LibTorch.
#include "core/model/simd_kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/core/model/random_tensors.h"

namespace fintag {
namespace {

using Floats = std::vector<float>;

Floats Random(int64_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  Floats values(static_cast<size_t>(count));
  for (float& value : values) value = normal(generator);
  return values;
}

void ExpectNear(const Floats& a, const Floats& b, float tolerance) {
  ASSERT_EQ(a.size(), b.size());
  float largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(a[i] - b[i]));
  EXPECT_LE(largest, tolerance);
}

// Of sums of `terms` numbers about 1, taken in another order.
float SumTolerance(int64_t terms) { return 2e-6f * static_cast<float>(4 + std::sqrt(terms)); }

template <typename Check>
void ForRandomShapes(const Check& check) {
  std::mt19937 random(2);
  for (int i = 0; i < 20; ++i) {
    const int64_t rows = RandomSize(random, 1, 120);
    const int64_t columns = RandomSize(random, 1, 800);
    SCOPED_TRACE(std::to_string(rows) + "x" + std::to_string(columns));
    check(rows, columns);
  }
}

class SimdKernelsTest : public testing::TestWithParam<const char*> {
 protected:
  // Calls `check` with the level under test; a processor without the level has nothing to check.
  template <typename Check>
  void WithLevel(const Check& check) {
    if (const SimdKernels* kernels = SimdLevel(GetParam())) check(*kernels, Simd());
  }
};

constexpr DropoutBits kDropout = {123, 456, 1u << 30, 4.0f / 3};

TEST_P(SimdKernelsTest, DropsTheSameElements) {
  WithLevel([](const SimdKernels& level, const SimdKernels& best) {
    ForRandomShapes([&](int64_t rows, int64_t columns) {
      const Floats x = Random(rows * columns, 1);
      Floats ours(x.size());
      Floats theirs(x.size());
      level.dropout(x.data(), ours.data(), 0, rows, columns, kDropout);
      best.dropout(x.data(), theirs.data(), 0, rows, columns, kDropout);
      EXPECT_EQ(ours, theirs);
    });
  });
}

TEST_P(SimdKernelsTest, NormalisesRows) {
  WithLevel([](const SimdKernels& level, const SimdKernels& best) {
    ForRandomShapes([&](int64_t rows, int64_t columns) {
      const bool adds = rows % 2 == 0;  // with a residual, and with dropout
      const DropoutBits dropout = adds ? kDropout : DropoutBits();
      const auto run = [&](const SimdKernels& kernels, Floats* sums) {
        const Floats x = Random(rows * columns, 1);
        const Floats residual = Random(rows * columns, 2);
        const Floats weight = Random(columns, 3);
        const Floats bias = Random(columns, 4);
        const size_t count = static_cast<size_t>(rows);
        Floats y(x.size()), normalized(x.size()), rstd(count), dx(x.size()), dresidual(x.size());
        sums->resize(2 * weight.size());
        kernels.layer_norm_forward({x.data(), adds ? residual.data() : nullptr, weight.data(), bias.data(), y.data(),
                                    normalized.data(), rstd.data(), columns, 1e-12f, dropout},
                                   0, rows);
        kernels.layer_norm_backward({x.data(), normalized.data(), rstd.data(), weight.data(), dx.data(),
                                     adds ? dresidual.data() : nullptr, columns, dropout},
                                    0, rows, sums->data(), sums->data() + columns);
        for (const Floats& part : {normalized, rstd, dx, dresidual}) y.insert(y.end(), part.begin(), part.end());
        return y;
      };
      Floats ours, theirs;  // sums over the rows
      ExpectNear(run(level, &ours), run(best, &theirs), 2e-5f);
      ExpectNear(ours, theirs, SumTolerance(rows));
    });
  });
}

TEST_P(SimdKernelsTest, ComputesElementsAndColumns) {
  WithLevel([](const SimdKernels& level, const SimdKernels& best) {
    ForRandomShapes([&](int64_t rows, int64_t columns) {
      const auto run = [&](const SimdKernels& kernels, Floats* sums) {
        const Floats x = Random(rows * columns, 5);
        const Floats dy = Random(rows * columns, 6);
        Floats y(x.size()), dx(x.size()), transposed(x.size());
        sums->resize(static_cast<size_t>(columns));
        kernels.gelu_forward(x.data(), y.data(), rows * columns);
        kernels.gelu_backward(dy.data(), x.data(), dx.data(), rows * columns);
        kernels.column_sums(x.data(), rows, columns, 0, columns, sums->data());
        kernels.transpose(x.data(), transposed.data(), rows, columns, 0, columns);
        for (int64_t r = 0; r < rows; ++r) {
          for (int64_t c = 0; c < columns; ++c) EXPECT_EQ(transposed[c * rows + r], x[r * columns + c]);
        }
        kernels.add(dy.data(), transposed.data(), rows * columns);
        for (const Floats& part : {dx, transposed}) y.insert(y.end(), part.begin(), part.end());
        return y;
      };
      Floats ours, theirs;
      ExpectNear(run(level, &ours), run(best, &theirs), 1e-5f);
      ExpectNear(ours, theirs, SumTolerance(rows));
    });
  });
}

TEST_P(SimdKernelsTest, ScalesSums) {
  WithLevel([](const SimdKernels& level, const SimdKernels& best) {
    ForRandomShapes([&](int64_t rows, int64_t columns) {
      const int64_t count = rows * columns;
      const auto run = [&](const SimdKernels& kernels, uint16_t* rounded) {
        const Floats a = Random(count, 9), b = Random(count, 10), c = Random(count, 11);
        Floats y(a.size());
        kernels.scaled_sum({a.data(), b.data(), 1.7f, c.data(), y.data(), rounded, count});
        return y;
      };
      const Floats y = run(level, nullptr);
      ExpectNear(y, run(best, nullptr), 1e-5f);
      std::vector<uint16_t> rounded(y.size() + 1, 12345);
      run(level, rounded.data());
      for (size_t i = 0; i < y.size(); ++i) {
        EXPECT_NEAR(std::bit_cast<float>(uint32_t{rounded[i]} << 16), y[i], std::fabs(y[i]) / 256) << i;
      }
      EXPECT_EQ(rounded[y.size()], 12345);  // nothing is written beyond
    });
  });
}

TEST_P(SimdKernelsTest, RoundsToEven) {
  WithLevel([](const SimdKernels& level, const SimdKernels&) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    const std::vector<std::pair<float, uint16_t>> cases = {
        {0.0f, 0},
        {-0.0f, 0x8000},
        {1.0f, 0x3f80},
        {std::bit_cast<float>(0x3f808000u), 0x3f80},  // halfway between two, the lower is even
        {std::bit_cast<float>(0x3f818000u), 0x3f82},
        {std::bit_cast<float>(0x3f808001u), 0x3f81},
        {std::bit_cast<float>(0x7f7fffffu), 0x7f80},  // the largest float
        {-kInfinity, 0xff80},
        {std::bit_cast<float>(0x7fffffffu), 0x7fff},  // not a number
        {std::bit_cast<float>(0x7f800001u), 0x7fc0}};
    for (const auto& [value, expected] : cases) {
      const Floats negative(1, -0.0f);
      uint16_t rounded = 0;
      level.scaled_sum({&value, negative.data(), 1, negative.data(), nullptr, &rounded, 1});
      EXPECT_EQ(rounded, expected) << value;
    }
  });
}

TEST_P(SimdKernelsTest, Attends) {
  WithLevel([](const SimdKernels& level, const SimdKernels& best) {
    std::mt19937 random(3);
    for (const int64_t size : {5, 32, 64, 75}) {
      std::vector<int64_t> lengths = {1, 15, 16, 50, 512};
      for (int i = 0; i < 6; ++i) lengths.push_back(RandomSize(random, 1, 512));
      for (const int64_t length : lengths) {
        const auto run = [&](const SimdKernels& kernels) {
          const Floats qkv = Random(length * 3 * size, 7);
          const Floats dout = Random(length * size, 8);
          Floats out(dout.size()), lse(static_cast<size_t>(length)), gradient(qkv.size());
          Floats scratch(static_cast<size_t>(AttentionScratch(length, size)));
          AttentionHead head = {};
          head.q = qkv.data();
          head.k = head.q + size;
          head.v = head.k + size;
          head.stride = 3 * size;
          head.length = length;
          head.head_size = size;
          head.scale = 1 / std::sqrt(static_cast<float>(size));
          head.out = out.data();
          head.out_stride = size;
          head.lse = lse.data();
          head.lse_stride = 1;
          head.dropout = kDropout;
          head.dropout_step = 1;
          head.scratch = scratch.data();
          kernels.attention_forward(head);
          head.dout = dout.data();
          head.dq = gradient.data();
          head.dk = head.dq + size;
          head.dv = head.dk + size;
          kernels.attention_backward(head);
          out.insert(out.end(), gradient.begin(), gradient.end());
          return out;
        };
        ExpectNear(run(level), run(best), 2e-5f);
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Levels, SimdKernelsTest, testing::Values("avx2", "generic"),
                         [](const auto& test) { return std::string(test.param); });

TEST(SimdKernels, KnowsNoOtherLevel) { EXPECT_EQ(SimdLevel("quantum"), nullptr); }

}  // namespace
}  // namespace fintag
