# Proves that arrows_test.cmake can fail: it must pass a small tree that keeps to its arrows, and
# refuse the same tree with one forbidden include of each kind.
#
#   cmake -DWORK_DIR=<a folder to fill> -P arrows_can_fail_test.cmake
cmake_minimum_required(VERSION 3.25)

if(NOT WORK_DIR)
  message(FATAL_ERROR "say which folder may be filled: -DWORK_DIR=...")
endif()

# Makes the tree with `line` in a file of the folder `left`, runs the check on it, and expects
# `outcome` (a regular expression) in what it says; the check must fail unless `must_pass`.
function(expect_check line must_pass outcome)
  file(REMOVE_RECURSE ${WORK_DIR})
  file(WRITE ${WORK_DIR}/CMakeLists.txt
       "# stagelog_library(left ARROWS right)\nstagelog_library(low EXTERNAL some::library)\n"
       "stagelog_library(left ARROWS low\n                 EXTERNAL other::library)\n"
       "stagelog_library(right ARROWS low)\n")
  file(WRITE ${WORK_DIR}/low/thing.h "#include <vector>\n#include <sys/epoll.h>\n")
  file(WRITE ${WORK_DIR}/right/thing.h "#include \"low/thing.h\"\n")
  file(WRITE ${WORK_DIR}/left/thing.cc "#include \"left/thing.h\"\n${line}\n")
  execute_process(
    COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${WORK_DIR} -P ${CMAKE_CURRENT_LIST_DIR}/arrows_test.cmake
    RESULT_VARIABLE result OUTPUT_VARIABLE said ERROR_VARIABLE said)
  if(must_pass AND NOT result EQUAL 0)
    message(FATAL_ERROR "refused what is allowed (${line}):\n${said}")
  elseif(NOT must_pass AND result EQUAL 0)
    message(FATAL_ERROR "passed what is forbidden: ${line}")
  endif()
  string(REGEX REPLACE "[ \n]+" " " said "${said}")
  if(NOT said MATCHES "${outcome}")
    message(FATAL_ERROR "'${line}' should have been answered with '${outcome}':\n${said}")
  endif()
endfunction()

expect_check("#include \"low/thing.h\"" TRUE "3 files keep to the arrows")
expect_check("// #include \"right/thing.h\"" TRUE "3 files keep to the arrows")
expect_check("#include \"right/thing.h\"" FALSE "left/thing.cc: .right/thing.h.: no arrow")
expect_check("  #  include <right/thing.h>" FALSE "no arrow leads from left to right")
expect_check("#include \"../right/thing.h\"" FALSE "must be named from src")
expect_check("#include \"low/../right/thing.h\"" FALSE "must be named from src")
expect_check("#include \"thing.h\"" FALSE "must be named from src")
file(REMOVE_RECURSE ${WORK_DIR})
