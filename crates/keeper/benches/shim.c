/* Executes what it is told: the least that a program between a supervisor and its child can do. */
#include <unistd.h>
int main(int argc, char **argv) {
    if (argc > 1) execv(argv[1], argv + 1);
    return 127;
}
