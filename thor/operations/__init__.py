"""Run the whole set of processes on one machine: `manage.py up`, `down` and `demo`; and serve its operators.

Thor is several programs: web, feed, two beats, two workers, Flower, and an embedded Valkey where no Redis is
configured. Elsewhere compose, systemd or Kubernetes starts them and starts them again; on one's own machine
this package does. It knows the programs by their command lines only and imports nothing that decides or runs
jobs, so it stands above every other room and nothing stands upon it.

    preflight    what must be true before anything is started; each failure is one sentence
    prepare      migrations, rows, the first user, static files
    programs     which programs there are, and in which order they are told to end
    child        the launcher: a program that cannot outlive its supervisor
    process      one program and the process that carries it now
    restarts     when a program that ended starts again, and when that stops making sense (pure)
    supervisor   the loop: print, notice who ended, start again, end everything
    welcome      notice that all is ready, and say where it is
    folder       one `up` a folder, and how `down` finds it
    demo         a trading day at 60 times its pace, in a folder of its own

It also holds what joins several rooms and is nobody's but an operator's:

    simulate     prepare a day of all jobs in virtual time; `simulation` runs it, with `hands` for bodies,
                 `simulated_progress` while it lasts and `simulated_ledger` for what it left
    handbook     the pages of the documentation that are written from the code
    scheduler_state
                 when each trading task ran last, for `manage.py scheduler_state`
    management   the commands, among them `preflight`, `report`, `fetch_daily`, `trading` and `run_heartbeat`

What can happen to a program, and what follows:

    it ends by itself             said in one sentence; started again after 1, 2, 4, 8, 10 s
    five ends within 60 s         everything ends; exit status 1
    it ends with status 2         its configuration is refused; everything ends; exit status 2
    Ctrl-C, SIGTERM, SIGHUP       everything ends in order, beats first and Valkey last; exit status 0
    a second Ctrl-C               everything is killed at once
    the supervisor is killed      the kernel kills the programs too (Linux); elsewhere the launcher notices

Each program has a session of its own, so a terminal's Ctrl-C reaches the supervisor alone, and whatever a
program leaves behind can be found and ended by its process group.
"""
