#include "core/model/product_parts.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/model/parallel.h"

namespace fintag {

void MultiplyPart(const ProductKernels& kernels, const PackedProduct& product, const ProductPart& part) {
  PackedProduct own = product;
  own.from_memory = product.from_memory && part.first;
  at::Tensor scratch;
  if (kernels.scratch_bytes > 0) {
    scratch = at::empty({kernels.scratch_bytes}, at::kByte);
    own.scratch = scratch.mutable_data_ptr();
  }
  kernels.product(own, part.row, part.row_end, part.panel, part.panel_end);
}

ProductParts::ProductParts(const ProductKernels& kernels, int64_t rows, int64_t columns)
    : rows_(rows), row_multiple_(kernels.row_multiple), panels_(Panels(kernels, columns)) {
  constexpr int64_t kFewestRows = 48;
  // What a part reads and writes beside the weights stays in the second-level cache; where a part also cuts its weights
  // into slices, that is to pay off.
  const int64_t usual_rows = kernels.scratch_bytes > 0 ? 512 : 64;
  threads_ = std::max(ParallelThreads(), 1);
  row_parts_ = std::clamp<int64_t>(rows / kFewestRows, 1, threads_);
  // As many parts for each thread.
  if (row_parts_ == threads_) row_parts_ *= std::max<int64_t>(1, rows / (threads_ * usual_rows));
  column_parts_ = std::clamp<int64_t>((threads_ + row_parts_ - 1) / row_parts_, 1, panels_);
}

void ProductParts::Run(const std::function<void(const ProductPart& part)>& run) const {
  const int64_t units = RoundUp(rows_, row_multiple_) / row_multiple_;
  ParallelEach(row_parts_ * column_parts_, [&](int64_t part) {
    const int64_t row = part / column_parts_;
    const int64_t column = part % column_parts_;
    run({.row = row * units / row_parts_ * row_multiple_,
         .row_end = std::min((row + 1) * units / row_parts_ * row_multiple_, rows_),
         .panel = column * panels_ / column_parts_,
         .panel_end = (column + 1) * panels_ / column_parts_,
         .first = part < threads_});
  });
}

}  // namespace fintag
