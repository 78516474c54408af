import { PAIRS } from "@synod/lecture";
import type { JSX } from "preact";
import { RELATIONS } from "../model/relatives.js";
import { PairStory } from "./pairs.js";

/** Raft, Viewstamped Replication and ZooKeeper beside Paxos: for those who have heard of one of them. */
export function RelativesPage(): JSX.Element {
  return (
    <main class="relatives" id="main">
      <p class="kicker">And Raft?</p>
      <h1>The same idea under other names</h1>
      <p class="lead">
        Viewstamped Replication (1988, anew 2012), Paxos (1989, printed 1998), Zab, which carries ZooKeeper (2008), and
        Raft (2014) were made for the same purpose: one log on several servers that never contradict each other, and
        that goes on while a majority is up. Once you know the four words, promised, accepted, chosen and learned, you
        can read all of them.
      </p>
      <p>
        Three stories, each told by both at once. In the pictures Raft has Paxos’ marks: its term is the number at the
        gate <code>[ 2</code>, an entry of its log is what a server has accepted, committed is learned. RV asks for a
        vote, AE carries an entry. Time runs down in both; the rows of one moment stand beside each other.
      </p>
      {PAIRS.map((pair) => (
        <PairStory key={pair.id} pair={pair} />
      ))}
      <h2>The leader who returns</h2>
      <p>
        A name can come back, so that <a href="#/leader-ids-s1-again">an old message looks new</a>. A round cannot, nor
        can a term. Epochs in ZooKeeper and views in Viewstamped Replication are the same answer.
      </p>
      <h2>A dictionary</h2>
      <div class="matrix-scroll" tabIndex={0} role="group" aria-label="Comparison table. Scrolls.">
        <table>
          <thead>
            <tr>
              <td />
              <th scope="col">Multi-Paxos</th>
              <th scope="col">Raft</th>
              <th scope="col">Viewstamped Replication (of 2012)</th>
              <th scope="col">ZooKeeper (Zab)</th>
            </tr>
          </thead>
          <tbody>
            {RELATIONS.map(({ what, paxos, raft, vr, zab }) => (
              <tr key={what}>
                <th scope="row">{what}</th>
                <td>{paxos}</td>
                <td>{raft}</td>
                <td>{vr}</td>
                <td>{zab}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <h2>Which one, then?</h2>
      <p class="lead">
        Their guarantees are the same, and so are their limits: none of them survives the loss of a majority, and none
        forgives lies. What differs is how many messages and disk writes a change of leader costs, what a hole in the
        log does, and how good the code is. ZooKeeper is not a library but a service, built on its protocol: small files
        and watches, of which others make locks.
      </p>
    </main>
  );
}
