//===- LibraryTest.cpp - A library as a guest of its process --------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FakeLibrary.h"

#include <cstring>
#include <dirent.h>
#include <fstream>
#include <unistd.h>
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#endif

using namespace mpc;

namespace {

int countThreads() {
  int count = 0;
  DIR *folder = opendir("/proc/self/task");
  while (dirent *entry = readdir(folder))
    count += entry->d_name[0] != '.';
  closedir(folder);
  return count;
}

long residentBytes() {
  std::ifstream file("/proc/self/statm");
  long size = 0, resident = 0;
  file >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

bool isMapped(const char *name) {
  std::ifstream file("/proc/self/maps");
  for (std::string line; std::getline(file, line);)
    if (line.find(name) != std::string::npos)
      return true;
  return false;
}

/// Makes the library's threads start.
mpc_context *createAndRun(const mpc_model *model) {
  mpc_context_options options = {};
  options.struct_size = sizeof(options);
  options.threads = 3;
  mpc_context *context = nullptr;
  EXPECT_EQ(model->create(model, &options, &context), MPC_OK);
  std::vector<float> x(64), y(64);
  std::vector<int64_t> shape = {16, 4};
  mpc_tensor in = tensorOf(x, MPC_F32, shape),
             out = tensorOf(y, MPC_F32, shape);
  EXPECT_EQ(model->run(context, 0, &in, 1, &out, 1), MPC_OK);
  return context;
}

TEST(Library, AThousandCyclesLeaveNothing) {
  int threads = countThreads();
  long early = 0;
  for (int i = 0; i < 1000; ++i) {
    {
      FakeLibrary library;
      // Failing touches the thread-local error.
      EXPECT_NE(library.model->create(nullptr, nullptr, nullptr), MPC_OK);
      library.model->destroy(createAndRun(library.model));
    }
    if (i == 100)
      early = residentBytes();
  }
  EXPECT_EQ(countThreads(), threads);
  EXPECT_FALSE(isMapped("/fake.so"));
  // Sanitizers keep what is freed for a while.
#if !__has_feature(address_sanitizer)
  EXPECT_LE(residentBytes() - early, 256 * 1024);
#else
  (void)early;
#endif
}

TEST(Library, UnloadingEndsTheThreadsOfAForgottenContext) {
  int threads = countThreads();
  {
#if __has_feature(address_sanitizer)
    __lsan::ScopedDisabler memoryStays;
#endif
    FakeLibrary library;
    createAndRun(library.model);
    EXPECT_EQ(countThreads(), threads + 2);
  }
  EXPECT_EQ(countThreads(), threads);
}

TEST(Library, AnOlderCallerIsRefused) {
  FakeLibrary library;
  EXPECT_EQ(library.query(0), nullptr);
  EXPECT_EQ(library.query(MPC_ABI_VERSION + 5), library.model);
  EXPECT_EQ(library.model->abi_version, MPC_ABI_VERSION);
  EXPECT_GE(library.model->struct_size, sizeof(mpc_model));
}

TEST(Library, TwoModelsInOneProcess) {
  FakeLibrary a("fake"), b("fake_fixed");
  ASSERT_NE(a.model, b.model);
  auto nameOf = [](const mpc_model *model) {
    mpc_entry_info info = {};
    info.struct_size = sizeof(info);
    EXPECT_EQ(model->entry_info(model, 0, &info), MPC_OK);
    return info.symbolic_batch;
  };
  EXPECT_EQ(nameOf(a.model), 1u);
  EXPECT_EQ(nameOf(b.model), 0u);
}

TEST(Library, Describes) {
  FakeLibrary library;
  const mpc_model *model = library.model;
  EXPECT_EQ(model->num_entries(model), 2u);
  EXPECT_EQ(model->num_isas(model), 3u);
  mpc_entry_info entry = {};
  entry.struct_size = sizeof(entry);
  ASSERT_EQ(model->entry_info(model, 0, &entry), MPC_OK);
  EXPECT_STREQ(entry.name, "main");
  EXPECT_EQ(entry.num_inputs, 1u);
  mpc_tensor_info tensor = {};
  tensor.struct_size = sizeof(tensor);
  ASSERT_EQ(model->output_info(model, 0, 0, &tensor), MPC_OK);
  EXPECT_STREQ(tensor.name, "y/out:0");
  EXPECT_EQ(tensor.dtype, uint32_t(MPC_F32));
  ASSERT_EQ(tensor.rank, 2u);
  EXPECT_EQ(tensor.dims[0], MPC_BATCH);
  EXPECT_EQ(tensor.dims[1], 4);
  mpc_isa_info isa = {};
  isa.struct_size = sizeof(isa);
  ASSERT_EQ(model->isa_info(model, 0, &isa), MPC_OK);
  EXPECT_STREQ(isa.name, "x86-64-v3");
  EXPECT_EQ(isa.supported, 1u);
  ASSERT_EQ(model->isa_info(model, 2, &isa), MPC_OK);
  EXPECT_EQ(isa.supported, 0u);
  uint64_t bytes = 0;
  EXPECT_EQ(std::strlen(model->manifest(model, &bytes)), bytes);
  EXPECT_STREQ(model->status_string(MPC_ERROR_BUSY), "context is busy");

  EXPECT_EQ(model->entry_info(model, 2, &entry), MPC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(model->last_error(),
               "entry_info: expected an entry below 2, but got 2");
  EXPECT_EQ(model->input_info(model, 0, 1, &tensor),
            MPC_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(model->input_info(model, 0, 0, nullptr),
            MPC_ERROR_INVALID_ARGUMENT);
  tensor.struct_size = 4;
  EXPECT_EQ(model->input_info(model, 0, 0, &tensor),
            MPC_ERROR_INVALID_ARGUMENT);
  EXPECT_STREQ(model->last_error(),
               "input_info: expected a struct_size of at least 32, but got 4");
}

} // namespace
