/// How Patroni is started: as Debian's, with one rule of it made strict.
enum PatroniStart {
    static let name = "patroni"

    /// Patroni 3.0.2 with etcd 3 writes the leader's key without looking whether another leads by now, when its lease ran out while it
    /// was cut off, and takes its own old copy of the keys for what etcd says: a leader that came back took the lead from the
    /// next one, with the state from before (seen in a drill: 1,365 acknowledged writes lost). Later versions compare.
    static let script = """
        #!/usr/bin/python3
        # Written by digitalbank cluster init.
        import sys
        import time

        from patroni.__main__ import main
        from patroni.dcs import etcd3
        from patroni.dcs.etcd3 import Etcd3, Etcd3Error, ReturnFalseException, base64_encode, build_range_request, logger
        from patroni.version import __version__


        def update_leader(self):
            retry = self._retry.copy()

            def again(*args, **kwargs):
                kwargs['retry'] = retry
                return retry(*args, **kwargs)

            def ask(method, *args, **kwargs):
                retry.deadline = retry.stoptime - time.time()
                if retry.deadline < 1:
                    raise Etcd3Error('update_leader timeout')
                return self._run_and_handle_exceptions(method, *args, retry=again, **kwargs)

            try:
                self._run_and_handle_exceptions(self._do_refresh_lease, True, retry=again)
                if not self._lease:
                    return False
                # From a majority, not from our own copy.
                found = ask(self._client.call_rpc, '/kv/range', build_range_request(self.leader_path)).get('kvs')
                if not found:
                    # Nobody leads: only where nobody has led since we last saw it, or they would have written the list.
                    known = self.cluster and self.cluster.sync
                    if not known or known.index is None:
                        return False
                    key = base64_encode(self.leader_path)
                    order = {
                        'compare': [
                            {'key': key, 'target': 'CREATE', 'result': 'EQUAL', 'create_revision': '0'},
                            {'key': base64_encode(self.sync_path), 'target': 'MOD', 'result': 'EQUAL',
                             'mod_revision': known.index},
                        ],
                        'success': [{'request_put': {
                            'key': key, 'value': base64_encode(self._name), 'lease': self._lease}}],
                    }
                    return bool(ask(self._client.call_rpc, '/kv/txn', order).get('succeeded'))
                leader = found[0]
                if leader.get('value') != base64_encode(self._name):
                    logger.warning('another host leads; the lead that this one remembers is over')
                    return False
                if leader.get('lease') == self._lease:
                    return True
                return bool(ask(self._client.put, self.leader_path, self._name, self._lease,
                                mod_revision=leader['mod_revision']))
            except ReturnFalseException:
                # etcd could not be asked: that is its absence, for which there is the failsafe mode, and no lost lead.
                raise Etcd3Error('the lead could not be confirmed')


        # It starts itself anew for each start of PostgreSQL.
        if __name__ == '__main__':
            if tuple(int(part) for part in __version__.split('.')[:3]) <= (3, 0, 2):
                Etcd3._update_leader = update_leader
            sys.exit(main())

        """
}
